//go:build linux

package storm

import (
	"context"
	"time"
)

// lengths are those of the stories.
type lengths struct {
	restart time.Duration // a node that restarts is away for
	pause   time.Duration // until the next node restarts
	back    time.Duration // after the last restart nothing happens for
	flap    time.Duration // a node that flaps is away for, and up for
	still   time.Duration // in the other stories nothing happens at the end for
}

var fullLengths = lengths{restart: 5 * time.Second, pause: 10 * time.Second, back: 15 * time.Second, flap: 2 * time.Second, still: time.Second}

const (
	flaps      = 5
	evictShare = 0.1 // of the rate
)

func playBoot(ctx context.Context, s *stage) error {
	for _, n := range s.nodes {
		n.setRate(s.opt.Rate)
	}
	if err := s.begin(); err != nil {
		return err
	}
	s.connect(ctx, s.clients, 0)
	return s.awaitAll(ctx, s.opt.Limit, s.opt.lengths.still)
}

func playEvacuate(ctx context.Context, s *stage) error {
	if err := s.settle(ctx, s.clients); err != nil {
		return err
	}
	first := s.nodes[0]
	first.setLeaving(true)
	interval := time.Duration(float64(time.Second) / (s.opt.Rate * evictShare))
	for first.evict() {
		if err := wait(ctx, interval); err != nil {
			return err
		}
	}
	return s.awaitAll(ctx, s.opt.Limit, s.opt.lengths.still)
}

func playRolling(ctx context.Context, s *stage) error {
	if err := s.settle(ctx, s.clients); err != nil {
		return err
	}
	for _, n := range s.nodes {
		n.setRate(s.opt.Rate)
	}
	for _, n := range s.nodes {
		n.kill()
		if err := wait(ctx, s.opt.lengths.restart); err != nil {
			return err
		}
		if err := n.start(ctx); err != nil {
			return err
		}
		if err := wait(ctx, s.opt.lengths.pause); err != nil {
			return err
		}
	}
	return s.awaitAll(ctx, 2*s.opt.Limit, s.opt.lengths.back) // sessions may return to their nodes
}

func playKill(ctx context.Context, s *stage) error {
	if err := s.settle(ctx, s.clients); err != nil {
		return err
	}
	s.nodes[0].kill()
	return s.awaitAll(ctx, s.opt.Limit, s.opt.lengths.still)
}

func playRefuse(ctx context.Context, s *stage) error {
	s.nodes[0].setLimit(max(len(s.clients)/len(s.nodes)/2, 1))
	if err := s.begin(); err != nil {
		return err
	}
	s.connect(ctx, s.clients, 0)
	return s.awaitAll(ctx, s.opt.Limit, s.opt.lengths.still)
}

func playFlap(ctx context.Context, s *stage) error {
	before, later := s.clients[:len(s.clients)/2], s.clients[len(s.clients)/2:]
	if err := s.settle(ctx, before); err != nil {
		return err
	}
	pace := float64(len(later)) / (2 * flaps * s.opt.lengths.flap.Seconds())
	s.connect(ctx, later, pace)
	for range flaps {
		s.nodes[0].kill()
		if err := wait(ctx, s.opt.lengths.flap); err != nil {
			return err
		}
		if err := s.nodes[0].start(ctx); err != nil {
			return err
		}
		if err := wait(ctx, s.opt.lengths.flap); err != nil {
			return err
		}
	}
	return s.awaitAll(ctx, s.opt.Limit, s.opt.lengths.still)
}
