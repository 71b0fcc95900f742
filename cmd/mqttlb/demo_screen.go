package main

import (
	"fmt"
	"strings"
	"time"
)

const (
	// columnWidth is the least width of a node's column, in characters.
	columnWidth = 24
	columnGap   = 2
	// minLogLines is how many events are shown even if the columns are full. A small
	// screen shows fewer.
	minLogLines = 4
	// columnHead is how many lines a column has above its clients.
	columnHead = 3
	// markFor is how long a client that has moved is marked.
	markFor = 5 * time.Second
	// awayAfter is how long a client may be offline before it is shown as away. Without
	// the delay each reconnect would flicker.
	awayAfter = 400 * time.Millisecond
)

// style is the parameter of an SGR sequence: how a terminal shows text.
type style string

const (
	plainText style = ""
	bold      style = "1"
	faint     style = "2"
	good      style = "1;32" // bold green
	bad       style = "1;31" // bold red
	notice    style = "33"   // yellow
)

// screen lays out a view in width by height characters.
type screen struct {
	width, height int
	color         bool
	now           time.Time
}

// lines lays out the view between headline and hints. The lines fill the screen
// exactly, so that nothing has to be erased and nothing flickers. The hints get at most
// a third of the screen; those that do not fit are left out.
func (s *screen) lines(v view, headline string, hints []hint) []string {
	blank := s.cell("", s.width, plainText)
	top := []string{s.cell(headline, s.width, bold), blank}
	bottom := []string{blank}
	for _, h := range hints {
		if lines := s.wrapped(h); len(bottom)+len(lines) <= max(s.height/3, 3) {
			bottom = append(bottom, lines...)
		}
	}

	// The columns get the lines that they need, the log the rest.
	room := s.height - len(top) - len(bottom)
	perBand := max(1, min(len(v.nodes), (s.width+columnGap)/(columnWidth+columnGap)))
	bands := (len(v.nodes) + perBand - 1) / perBand
	rows := max((room-min(minLogLines, room/4))/bands-columnHead-1, 1)
	var middle []string
	crowded := isCrowd(v, rows)
	if crowded {
		middle = append(s.crowd(v), blank)
	}
	for first := 0; first < len(v.nodes) && !crowded; first += perBand {
		middle = append(middle, s.band(v.nodes[first:min(first+perBand, len(v.nodes))], first, perBand, rows)...)
		middle = append(middle, blank)
	}
	log := max(room-len(middle), 0)
	var groups []group
	if crowded {
		groups = together(v.events)
	} else {
		for _, e := range v.events {
			groups = append(groups, group{e, 1})
		}
	}
	for _, g := range groups[max(0, len(groups)-log):] {
		text := g.at.Format("15:04:05") + "  " + g.String()
		middle = append(middle, s.cell(text, s.width, eventStyle(g.kind)))
	}
	middle = middle[:max(min(len(middle), room), 0)]
	for len(middle) < room {
		middle = append(middle, blank) // the hints stay at the bottom
	}

	out := append(append(top, middle...), bottom...)
	return out[:min(len(out), s.height)]
}

// band lays out the columns of nodes side by side. perBand columns fill the width of
// the screen. first is the index of the first node. Each column shows at most rows
// clients.
func (s *screen) band(nodes []nodeView, first, perBand, rows int) []string {
	width := max(s.width-(perBand-1)*columnGap, 0) / perBand
	columns := make([][]string, len(nodes))
	height := 0
	for i := range nodes {
		columns[i] = s.column(&nodes[i], first+i, width, rows)
		height = max(height, len(columns[i]))
	}
	out := make([]string, height)
	for y := range out {
		for i, column := range columns {
			if i > 0 {
				out[y] += strings.Repeat(" ", columnGap)
			}
			if y < len(column) {
				out[y] += column[y]
			} else {
				out[y] += s.cell("", width, plainText)
			}
		}
		used := len(columns)*(width+columnGap) - columnGap
		out[y] += strings.Repeat(" ", max(s.width-used, 0))
	}
	return out
}

// column lays out a node: its state, its counts, and its clients.
func (s *screen) column(n *nodeView, index, width, rows int) []string {
	state, look := n.state()
	online := n.online()
	out := []string{
		s.cell(fmt.Sprintf("%d  %s  %s", index+1, n.name, state), width, look),
		s.cell(fmt.Sprintf("%s, %s", count(online, "session"), count(n.messages, "message")), width, plainText),
		s.cell(spread("  client", "address the broker sees", width), width, faint),
	}
	shown := n.clients
	if len(shown) > rows {
		shown = shown[:rows-1]
	}
	for _, c := range shown {
		out = append(out, s.client(c, width))
	}
	if hidden := len(n.clients) - len(shown); hidden > 0 {
		out = append(out, s.cell(fmt.Sprintf("  and %d more", hidden), width, faint))
	}
	return out
}

// state describes the state of the node.
func (n *nodeView) state() (string, style) {
	switch {
	case !n.alive:
		return "killed", bad
	case !n.up:
		return "down: being probed", notice
	default:
		return "up", good
	}
}

func (s *screen) client(c clientView, width int) string {
	mark, right, look := "  ", c.addr, plainText
	switch {
	case !c.online && s.now.Sub(c.gone) > awayAfter:
		right, look = "away", faint
	case !c.moved.IsZero() && s.now.Sub(c.moved) < markFor:
		mark, look = "> ", notice
	case c.home != "" && c.home != c.node:
		mark = "~ "
	}
	return s.cell(spread(mark+printable(c.id), right, width), width, look)
}

// spread puts left and right at the two ends of the width. It drops right if there is
// no room.
func spread(left, right string, width int) string {
	gap := width - len(left) - len(right)
	if gap < 1 {
		return left
	}
	return left + strings.Repeat(" ", gap) + right
}

func count[N int | uint64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func eventStyle(k eventKind) style {
	switch k {
	case killed, failed, nodeDown:
		return bad
	case started, nodeUp:
		return good
	case moved, cameHome:
		return notice
	default:
		return plainText
	}
}

// cell pads ASCII text to exactly this width. Text that is too long is cut and ends
// in ~.
func (s *screen) cell(text string, width int, look style) string {
	if width <= 0 {
		return ""
	}
	if len(text) > width {
		text = text[:width-1] + "~"
	}
	padding := strings.Repeat(" ", width-len(text))
	if !s.color || look == plainText || text == "" {
		return text + padding
	}
	return "\x1b[" + string(look) + "m" + text + "\x1b[0m" + padding
}

// wrapped breaks a hint into lines. A hint may be a command to copy, so it is never cut.
func (s *screen) wrapped(h hint) []string {
	const indent = 8
	room := max(s.width-indent, 1)
	var out []string
	label := h.label
	for text := h.text; text != ""; label = "" {
		end := len(text)
		if end > room {
			end = room
			if space := strings.LastIndexByte(text[:room+1], ' '); space > 0 {
				end = space
			}
		}
		out = append(out, s.cell(fmt.Sprintf("%-*s", indent, label)+text[:end], s.width, plainText))
		text = strings.TrimPrefix(text[end:], " ")
	}
	return out
}
