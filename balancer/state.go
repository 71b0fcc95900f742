package balancer

// State says what a node may be used for. States are ordered from good to bad: of two
// opinions about a node the greater one holds.
type State uint8

// The states, from good to bad.
const (
	Up       State = iota // takes new sessions
	Draining              // keeps its sessions, takes no new ones; but if only the health checks say so, takes them when no node is up
	Down                  // takes no sessions; but if only the health checks say so, takes them when no node is up or draining
)

func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Draining:
		return "draining"
	case Down:
		return "down"
	}
	return "unknown"
}
