package admin

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// net/http/pprof registers itself with http.DefaultServeMux. So nothing may serve that.
func TestNothingServesTheDefaultMux(t *testing.T) {
	uses := regexp.MustCompile(`\bhttp\.(ListenAndServe|ListenAndServeTLS|Serve|ServeTLS|Handle|HandleFunc)\(|=\s*http\.DefaultServeMux|\(http\.DefaultServeMux`)
	files := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if at := uses.Find(text); at != nil {
			t.Errorf("%s has %q, which would show the profiles to its clients", path, at)
		}
		return err
	})
	if err != nil || files < 100 {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestOneProfileIsMadeAtATime(t *testing.T) {
	r := newRigOn(t, nil, unixListener(t), BySocket)
	if !r.server.profile.try() { // as a profile in progress does
		t.Fatal("a profile is in progress")
	}
	response, text := r.do(t, "GET", "/debug/pprof/heap", "")
	if response.StatusCode != http.StatusTooManyRequests || !strings.Contains(text, "in progress") {
		t.Errorf("%d %s", response.StatusCode, text)
	}
	r.server.profile.release()
	if response, text := r.do(t, "GET", "/debug/pprof/profile?seconds=1", ""); response.StatusCode != http.StatusOK || text == "" {
		t.Errorf("%d, %d bytes", response.StatusCode, len(text))
	}
}
