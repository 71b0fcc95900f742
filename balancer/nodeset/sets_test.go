package nodeset

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAFailingResolverKeepsTheLastSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		r := newScripted()
		r.pods("10.0.0.1 emqx-0")
		sets := watching(t, r, pods, slog.New(slog.NewTextHandler(&lines, nil)))
		synctest.Wait()
		before := sets.Status()[0].LastGood
		r.change(func() { r.failing[host] = true })
		pass(24 * time.Hour)
		expect(t, sets, "emqx-0 10.0.0.1")
		if s := sets.Status()[0]; s.Err == nil || s.Failures < 100 || s.LastGood.Sub(before) > time.Second || s.Since.Sub(before) > 10*time.Second {
			t.Errorf("the status is %+v", s)
		}
		r.change(func() { r.failing[host] = false })
		pass(lastRetry)
		if s := sets.Status()[0]; s.Err != nil || !s.Since.IsZero() || s.Changes != 1 {
			t.Errorf("the status is %+v", s)
		}
		if got := strings.Count(lines.String(), "\n"); got != 2 { // that it fails, and that it does no more
			t.Errorf("%d lines:\n%s", got, lines.String())
		}
	})
}

func TestAnEmptyAnswerIsIgnoredForItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newScripted()
		r.pods("10.0.0.1 emqx-0")
		sets := watching(t, r, pods, quiet)
		synctest.Wait()

		r.pods()
		pass(40 * time.Second)
		expect(t, sets, "emqx-0 10.0.0.1")
		if s := sets.Status()[0]; !s.Ignored || s.Empty.IsZero() || s.Err != nil {
			t.Errorf("the status is %+v", s)
		}
		r.pods("10.0.0.1 emqx-0")
		pass(10 * time.Second)
		if s := sets.Status()[0]; s.Ignored || !s.Empty.IsZero() || s.Changes != 1 {
			t.Errorf("the status is %+v", s)
		}

		// A failure meanwhile does not begin the grace anew.
		r.pods()
		pass(30 * time.Second)
		r.change(func() { r.failing[host] = true })
		pass(20 * time.Second)
		r.change(func() { r.failing[host] = false })
		pass(10 * time.Second)
		expect(t, sets, "emqx-0 10.0.0.1")
		pass(20 * time.Second)
		expect(t, sets)
		if s := sets.Status()[0]; s.Ignored || s.Empty.IsZero() || s.Changes != 2 {
			t.Errorf("the status is %+v", s)
		}
		r.pods("10.0.0.2 emqx-0")
		pass(lastRetry)
		expect(t, sets, "emqx-0 10.0.0.2")
	})
}

func TestASetIsKnownAfterItsFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newScripted()
		sets := New(r, quiet)
		if sets.Find(pods.Source).Known {
			t.Error("a source is known before it is there")
		}
		sets.Apply([]Watch{pods})
		if sets.Find(pods.Source).Known {
			t.Error("a source is known before it is asked")
		}
		sets.Resolve(t.Context())
		if set := sets.Find(pods.Source); !set.Known || len(set.Nodes) != 0 {
			t.Errorf("a source without nodes is %+v", set)
		}
		<-sets.Changed()

		failing := Watch{Source: Source{Pool: "emqx", Kind: DNS, Name: "failing.example"}}
		r.failing[failing.Name] = true
		sets.Prepare(t.Context(), []Watch{pods, failing})
		if !sets.Find(failing.Source).Known || len(sets.Status()) != 1 {
			t.Error("a new source is not known after it was asked, or is there already")
		}
		<-sets.Changed()
		sets.Apply([]Watch{failing})
		if !sets.Find(failing.Source).Known || sets.Find(pods.Source).Known || len(sets.Status()) != 1 {
			t.Error("the sources are not those that were applied")
		}
	})
}

func TestSourcesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newScripted()
		r.pods("10.0.0.1 emqx-0")
		sets := watching(t, r, pods, quiet)
		synctest.Wait()
		other := pods
		other.Pool = "other"
		sets.Apply([]Watch{other, pods})
		synctest.Wait()
		expect(t, sets, "emqx-0 10.0.0.1")
		if n := sets.Status()[1].Changes; n != 1 {
			t.Errorf("a source that stays has begun anew: %d changes", n)
		}
		sets.Apply(nil)
		synctest.Wait()
		asked := r.count()
		pass(time.Hour)
		if r.count() != asked {
			t.Error("a source is asked that is gone")
		}
		sets.Apply([]Watch{pods})
		synctest.Wait()
		asked = r.count()
		sets.LookUpAgain()
		synctest.Wait()
		if r.count() == asked {
			t.Error("nothing is asked again")
		}
	})
}
