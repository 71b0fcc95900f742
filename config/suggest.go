package config

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// foreignKeys are keys of other programs and of MQTT, with ours of the same meaning, of which the one that is known in the mapping
// is meant. Some resemble another one of ours.
var foreignKeys = map[string][]string{
	"balance": {"algorithm"}, "mode": {"protocol"}, "type": {"protocol"},
	"host": {"dns", "address"}, "port": {"address"}, "bind": {"address", "source"}, "listen": {"address"}, "server": {"address"},
	"servers": {"nodes"}, "backends": {"pools"}, "upstreams": {"pools"}, "frontends": {"listeners"}, "members": {"nodes"}, "endpoints": {"nodes"},
	"backend": {"pool"}, "upstream": {"pool"}, "default_backend": {"pool"}, "use_backend": {"pool"}, "check": {"health"},
	"server-template": {"discover"}, "server_template": {"discover"}, "hostname": {"dns"}, "a": {"dns"}, "aaaa": {"dns"}, "k8s": {"dns"},
	"kubernetes": {"dns"}, "consul": {"srv"}, "dns": {"resolver"}, "resolvers": {"resolver"}, "nameserver": {"servers"}, "nameservers": {"servers"},
	"standby": {"backup"}, "preference": {"priority"},
	"usesrc": {"transparent"}, "tproxy": {"transparent"}, "proxy_bind": {"source"},
	"acl": {"rules"}, "acls": {"rules"}, "allow": {"rules"}, "deny": {"rules"}, "http-request": {"rules"}, "tcp-request": {"rules"},
	"blacklist": {"rules"}, "blocklist": {"rules"}, "banned": {"rules"}, "ip": {"cidr"}, "src": {"cidr"}, "address": {"cidr"}, "network": {"cidr"},
	"clean_session": {"clean_start"}, "glob": {"prefix"}, "wildcard": {"prefix"}, "begins_with": {"prefix"}, "starts_with": {"prefix"}, "equals": {"exact"},
	"split_clients": {"share", "routes"}, "percent": {"share"}, "percentage": {"share"}, "weight": {"share"}, "canary": {"share"},
	"fail2ban": {"bans"}, "stick-table": {"bans"}, "duration": {"time"}, "window": {"within"}, "after": {"refusals"},
	"connect_rate_per_id": {"connect_rate_per_client_id"}, "connect_rate_per_identifier": {"connect_rate_per_client_id"},
}

// foreignWords are values of other programs and of MQTT, with ours of the same meaning. A code of MQTT is in foreignCodes.
var foreignWords = map[string]string{
	"reject": "deny", "drop": "deny", "block": "deny", "accept": "allow", "permit": "allow",
	"3": "3.1", "4": "3.1.1", "5.0": "5", "v3.1": "3.1", "v3.1.1": "3.1.1", "v5": "5", "mqtt5": "5",
	"identifier_rejected": "client_identifier_not_valid",
}

// foreignCodes are the codes of a CONNACK, with the words that we have for them.
var foreignCodes = map[uint64]RuleCode{
	1: CodeUnsupportedVersion, 2: CodeClientIdentifierNotValid, 3: CodeServerUnavailable, 4: CodeBadUserNameOrPassword, 5: CodeNotAuthorized,
	0x80: CodeUnspecifiedError, 0x83: CodeImplementationSpecific, 0x84: CodeUnsupportedVersion, 0x85: CodeClientIdentifierNotValid,
	0x86: CodeBadUserNameOrPassword, 0x87: CodeNotAuthorized, 0x88: CodeServerUnavailable, 0x89: CodeServerBusy, 0x8A: CodeBanned,
	0x97: CodeQuotaExceeded, 0x9C: CodeUseAnotherServer, 0x9D: CodeServerMoved, 0x9F: CodeConnectionRateExceeded,
}

// foreignWord returns the one of our words that a value of another program means, or nothing.
func foreignWord[T ~string](value string, words []T) T {
	if ours := T(foreignWords[value]); slices.Contains(words, ours) {
		return ours
	}
	if code, err := strconv.ParseUint(value, 0, 8); err == nil && slices.Contains(words, T(foreignCodes[code])) {
		return T(foreignCodes[code])
	}
	return ""
}

// maxHomes is how many mappings are named to which a misplaced key may belong.
const maxHomes = 3

// suggest proposes the key that was meant by an unknown one, or where it belongs, or lists the keys.
func suggest(unknown string, fields []field) string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	ours := foreignKeys[strings.ToLower(unknown)]
	for _, key := range ours {
		if slices.Contains(keys, key) {
			return "did you mean " + quote(key) + "?"
		}
	}
	if best := nearestWord(unknown, keys); best != "" {
		return "did you mean " + quote(best) + "?"
	}
	if at := homesOf(unknown); len(at) > 0 && len(at) <= maxHomes {
		return "it is a key of " + strings.Join(at, " and of ")
	}
	for _, key := range ours {
		if at := homesOf(key); len(at) > 0 && len(at) <= maxHomes {
			return "did you mean " + quote(key) + ", a key of " + strings.Join(at, " and of ") + "?"
		}
	}
	return "known here are " + joinWords(keys)
}

// homes are the mappings that have a key, by the key.
var homes struct {
	once sync.Once
	of   map[string][]string
}

// homesOf returns the mappings that have a key.
func homesOf(key string) []string {
	homes.once.Do(func() {
		homes.of = map[string][]string{}
		addHomes("", configFields(&Config{}))
	})
	return homes.of[key]
}

// addHomes adds the keys of the mapping at a path, and those below it.
func addHomes(path string, fields []field) {
	home := path
	if home == "" {
		home = "the configuration itself"
	}
	for _, f := range fields {
		homes.of[f.key] = append(homes.of[f.key], home)
		at := child(path, f.key)
		if f.items != nil {
			at += "[]"
		}
		addHomes(at, f.fields)
	}
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
