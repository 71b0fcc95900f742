package config

// A Rule lets the clients in that match it, or refuses them. The first rule that matches a client decides; without one it is
// let in.
type Rule struct {
	Name string // unique among the rules of its listener and those of all listeners

	Match // without a condition it matches every client

	Action Action

	// Code is what a refused client is told. Meaningless if Action is Allow, and where no CONNECT is read.
	Code RuleCode
}

// An Action is what a rule does with a client.
type Action string

// The actions.
const (
	Allow Action = "allow"
	Deny  Action = "deny"
)

var actions = []Action{Allow, Deny}

// A RuleCode is the MQTT 5 reason code of the CONNACK that refuses a client, by its name in the specification. In 3.1 and 3.1.1 a
// client gets the return code that comes closest; where none does, its connection is closed.
type RuleCode string

// The codes: those of a CONNACK that say something about a client or a server, and not about a packet.
const (
	CodeNone                     RuleCode = "none" // close without a CONNACK
	CodeUnspecifiedError         RuleCode = "unspecified_error"
	CodeImplementationSpecific   RuleCode = "implementation_specific_error"
	CodeUnsupportedVersion       RuleCode = "unsupported_protocol_version"
	CodeClientIdentifierNotValid RuleCode = "client_identifier_not_valid"
	CodeBadUserNameOrPassword    RuleCode = "bad_user_name_or_password" //nolint:gosec // no password
	CodeNotAuthorized            RuleCode = "not_authorized"
	CodeServerUnavailable        RuleCode = "server_unavailable"
	CodeServerBusy               RuleCode = "server_busy"
	CodeBanned                   RuleCode = "banned"
	CodeQuotaExceeded            RuleCode = "quota_exceeded"
	CodeUseAnotherServer         RuleCode = "use_another_server"
	CodeServerMoved              RuleCode = "server_moved"
	CodeConnectionRateExceeded   RuleCode = "connection_rate_exceeded"
)

var ruleCodes = []RuleCode{
	CodeNone, CodeUnspecifiedError, CodeImplementationSpecific, CodeUnsupportedVersion, CodeClientIdentifierNotValid,
	CodeBadUserNameOrPassword, CodeNotAuthorized, CodeServerUnavailable, CodeServerBusy, CodeBanned, CodeQuotaExceeded,
	CodeUseAnotherServer, CodeServerMoved, CodeConnectionRateExceeded,
}

func ruleFields(r *Rule) []field {
	fields := []field{required(scalar("name", &r.Name, text(parseName)))}
	fields = append(fields, matchFields(&r.Match)...)
	return append(fields, required(scalar("action", &r.Action, oneOf(actions))), scalar("code", &r.Code, oneOf(ruleCodes)))
}
