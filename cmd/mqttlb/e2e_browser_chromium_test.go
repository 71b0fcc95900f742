package main_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"mqttlb/proxy/proxytest"
)

// startChromium runs a headless browser. Every name below example.test resolves to this
// machine; no other name resolves.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	dir, err := os.MkdirTemp(workDir, "chromium-") //nolint:usetesting // t.TempDir minds what a late process still writes
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(proxytest.Program(t, "/usr/bin/chromium")),
		chromedp.NoSandbox, // Chromium has no sandbox as root
		chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Env("TMPDIR="+dir),
		chromedp.Flag("host-resolver-rules", "MAP *.example.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-features", "HttpsUpgrades,HttpsFirstBalancedModeAutoEnable"), // the pages have no https
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true),
		chromedp.WSURLReadTimeout(patience),
	)
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	browser, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		defer free()
		defer stop()
		// Close it as a user does: after a kill its processes still write for a moment.
		closing, cancel := context.WithTimeout(browser, patience)
		defer cancel()
		if err := chromedp.Cancel(closing); err != nil {
			t.Logf("closing Chromium: %v", err)
		}
	})
	if _, err := chromedp.Run(browser, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("Chromium: %v", err)
	}
	return browser
}

// openPage opens a page in a tab of its own. The tab is closed at the end of the test.
func openPage(browser context.Context, t *testing.T, url string) context.Context {
	t.Helper()
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	// The first Run binds the tab to its context: no time limit on this one.
	resp, err := chromedp.Run(tab, chromedp.NavigateResponse(url))
	if err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	if resp.Status != http.StatusOK {
		t.Fatalf("open %s: status %d", url, resp.Status)
	}
	return tab
}

// call runs a function of the page and waits for the promise that it returns.
func call[T any](page context.Context, format string, args ...any) (T, error) {
	ctx, cancel := context.WithTimeout(page, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise))
}

// servePages serves the pages in testdata/mqttjs, and MQTT.js.
func servePages(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.FileServer(http.Dir("testdata/mqttjs")))
	t.Cleanup(s.Close)
	return s
}
