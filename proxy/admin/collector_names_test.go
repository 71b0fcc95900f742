package admin

import (
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func TestNameThatDoesNotResolveHasATimeAndNoAnswer(t *testing.T) {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(newRegistry(everything(t)), promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line, want := range map[string]bool{
		`(?m)^mqttlb_name_unresolved_seconds\{name="bad.example"\} 36\d\d\.`: true,
		`(?m)^mqttlb_name_answer_age_seconds\{name="good.example"\} `:        true,
		`(?m)^mqttlb_name_answer_age_seconds\{name="bad.example"\} `:         false,
	} {
		if regexp.MustCompile(line).Match(w.Body.Bytes()) != want {
			t.Errorf("a line %s: %t, want %t", line, !want, want)
		}
	}
}
