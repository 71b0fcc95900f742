package config

// Fault returns the Error of a setting, at the position where the setting was written. It is for what a Config alone
// does not show, as the content of a file that the setting names. The setting is given by its path, such as
// listeners[0].tls.client_ca.
func (c *Config) Fault(setting, message string) Error {
	if c.written == nil {
		return Error{Message: setting + ": " + message}
	}
	where, ok := nearest(c.written.at, setting)
	if !ok {
		return Error{Message: setting + ": " + message}
	}
	return c.written.fault(where, setting, "%s", message)
}
