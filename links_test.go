package mqttlb_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	mdLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	mdHeading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	mdAnchor  = regexp.MustCompile(`<a id="([^"]+)">`)
	mdCode    = regexp.MustCompile("(?s)```.*?```")
	notInSlug = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// A link of the documentation leads to a file, and to a heading or anchor of it: a merge has lost a section before.
func TestLinksOfTheDocumentationLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, page := range append(pages, "README.md", "CONTRIBUTING.md") {
		for _, m := range mdLink.FindAllStringSubmatch(mdCode.ReplaceAllString(read(t, page), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			file, anchor, _ := strings.Cut(m[1], "#")
			to := page
			if file != "" {
				to = path.Join(path.Dir(page), file)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: the link %s leads to no file", page, m[1])
			} else if anchor != "" && !anchors(read(t, to))[anchor] {
				t.Errorf("%s: the link %s leads to no heading of %s", page, m[1], to)
			}
		}
	}
	if links < 50 {
		t.Errorf("%d links were found, want those of all pages", links)
	}
}

// anchors returns what a link may name in a page: its anchors, and its headings as GitHub writes them.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range mdAnchor.FindAllStringSubmatch(page, -1) {
		all[m[1]] = true
	}
	for _, m := range mdHeading.FindAllStringSubmatch(mdCode.ReplaceAllString(page, ""), -1) {
		all[strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
