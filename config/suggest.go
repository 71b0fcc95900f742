package config

import (
	"slices"
	"strings"
)

// foreignKeys are keys of other programs, with ours of the same meaning. Some resemble another one of ours.
var foreignKeys = map[string]string{
	"balance": "algorithm", "mode": "protocol", "type": "protocol",
	"host": "address", "port": "address", "bind": "address", "listen": "address", "server": "address",
	"servers": "nodes", "backends": "pools", "upstreams": "pools", "frontends": "listeners", "members": "nodes", "endpoints": "nodes",
	"backend": "pool", "upstream": "pool", "default_backend": "pool", "check": "health",
}

// suggest proposes the key that was meant by an unknown one, or lists the keys.
func suggest(unknown string, fields []field) string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	best := nearestWord(unknown, keys)
	if ours := foreignKeys[unknown]; slices.Contains(keys, ours) {
		best = ours
	}
	if best != "" {
		return "did you mean " + quote(best) + "?"
	}
	return "known here are " + joinWords(keys)
}

// nearestWord returns the word that was meant by an unknown one, or nothing.
func nearestWord[T ~string](unknown string, words []T) (best T) {
	bestDistance := 3 // with two typing errors it is the same word, with three another
	for _, word := range words {
		a, b := normalized(unknown), normalized(string(word))
		switch d := distance(a, b); {
		case d < bestDistance && d < len(b):
			best, bestDistance = word, d
		case best == "" && len(a) > 3 && strings.HasPrefix(b, a), // maxconn
			best == "" && len(b) > 3 && strings.HasPrefix(a, b): // warning
			best = word
		}
	}
	return best
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "")

// normalized removes the differences between spellings: maxConnections, max-connections.
func normalized(key string) string { return separators.Replace(strings.ToLower(key)) }

// distance counts the letters to insert, remove, replace or swap with their neighbor to
// turn a into b (optimal string alignment). It does not compare words of very different
// lengths.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 3 || d < -3 {
		return len(a) + len(b)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
