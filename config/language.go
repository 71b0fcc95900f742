package config

import "slices"

// The language: every key, its destination and its values. docs/configuration.md
// describes the keys, and a test compares the two.

func configFields(c *Config) []field {
	return []field{
		oneOrMore(includeKey, &c.Include, text(parseFile)),
		ordered(mappings("rules", &c.Rules, defaultRule, ruleFields)),
		required(mappings("listeners", &c.Listeners, defaultListener, listenerFields)),
		required(mappings("pools", &c.Pools, defaultPool, poolFields)),
		section("limits", limitsFields(&c.Limits)),
		sectionOrOff("bans", &c.Bans, defaultBans, bansFields),
		section("timeouts", timeoutsFields(&c.Timeouts)),
		section("resolver", resolverFields(&c.Resolver)),
		section("admin", adminFields(&c.Admin)),
		section("log", []field{
			scalar("level", &c.Log.Level, oneOf(logLevels)),
			scalar("format", &c.Log.Format, oneOf(logFormats)),
			scalars("fields", &c.Log.Fields, 1, oneOf(logFields)),
			scalar("sample", &c.Log.Sample, rateOf("lines")),
			scalar("output", &c.Log.Output, text(parseLogOutput)),
			section("rotate", []field{
				scalar("size", &c.Log.Rotate.Size, size(minLogSize, maxLogSize, zeroAllowed)),
				scalar("keep", &c.Log.Rotate.Keep, integer(0, maxLogFiles)),
				scalar("age", &c.Log.Rotate.Age, duration(day, maxLogAge, zeroAllowed)),
				scalar("compress", &c.Log.Rotate.Compress, boolean),
			}),
		}),
	}
}

func adminFields(a *Admin) []field {
	return []field{
		scalar("address", &a.Address, text(parseAdminAddress)),
		scalar("token_file", &a.TokenFile, text(parseFile)),
		scalar("public", &a.Public, oneOf(adminPublic)),
		scalars("hosts", &a.Hosts, 1, text(parseHostPattern)),
		optional("tls", &a.TLS, defaultTLS, adminTLSFields),
		scalar("socket", &a.Socket, text(parseSocket)),
		scalar("state_dir", &a.StateDir, text(parseStateDir)),
		scalar("state_file", &a.StateFile, text(parseStateFile)),
	}
}

// adminTLSFields are those of a listener's TLS but for what is of MQTT or of devices that nobody can reach, and what
// net/http, which makes the handshakes of the admin server, decides itself.
func adminTLSFields(t *TLS) []field {
	without := []string{"accept_expired", "revoked", "require_identity", "alpn", "handshake_timeout", "max_handshakes", "max_handshake_queue", "handshake_rate"}
	return slices.DeleteFunc(tlsFields(t), func(f field) bool { return slices.Contains(without, f.key) })
}

func listenerFields(l *Listener) []field {
	return []field{
		required(scalar("name", &l.Name, text(parseName))),
		required(scalar("address", &l.Address, text(parseListenAddress))),
		scalar("protocol", &l.Protocol, protocolOf(listenerProtocols, "and tls: {certificates: [{cert: FILE, key: FILE}]} beside it")),
		required(scalar("pool", &l.Pool, text(parseName))),
		optional("tls", &l.TLS, defaultTLS, tlsFields),
		scalar("path", &l.Path, text(parseUpgradePath)),
		scalars("paths", &l.Paths, 1, text(parseUpgradePath)),
		scalar("subprotocol", &l.Subprotocol, oneOf(subprotocols)),
		scalars("allowed_hosts", &l.AllowedHosts, 1, text(parseHostPattern)),
		origins(&l.AllowedOrigins),
		mappings("routes", &l.Routes, defaultRoute, routeFields),
		ordered(mappings("rules", &l.Rules, defaultRule, ruleFields)),
		scalar("proxy_protocol", &l.ProxyProtocol, oneOf(listenerProxyProtocols)),
		scalar("client_address", &l.ClientAddress, oneOf(clientAddresses)),
		scalars("trusted_proxies", &l.TrustedProxies, 1, text(parsePrefix)),
		scalar("max_connections", &l.MaxConnections, integer(0, maxConnections)),
		scalar("validity", &l.Validity, oneOf(validities)),
		scalar("websocket_packets", &l.WebSocketPackets, oneOf(webSocketPackets)),
		scalar("reserve", &l.Reserve, parseReserve),
	}
}

func routeFields(r *Route) []field {
	return slices.Concat([]field{scalar("host", &r.Host, text(parseHostPattern))}, matchFields(&r.Match), []field{
		scalar("share", &r.Share, parseShare),
		scalar("path", &r.Path, text(parseUpgradePath)),
		scalar("protocol", &r.Protocol, protocolOf(routeProtocols, "and tls on the listener")),
		required(scalar("pool", &r.Pool, text(parseName))),
		origins(&r.AllowedOrigins),
		scalars("paths", &r.Paths, 1, text(parseUpgradePath)),
		scalar("subprotocol", &r.Subprotocol, oneOf(subprotocols)),
		scalar("fallback", &r.Fallback, boolean),
	})
}

func tlsFields(t *TLS) []field {
	return []field{
		required(mappings("certificates", &t.Certificates, Certificate{}, certificateFields)),
		scalar("strict_sni", &t.StrictSNI, boolean),
		scalar("client_ca", &t.ClientCA, text(parseFile)),
		scalar("client_crl", &t.ClientCRL, text(parseFile)),
		scalar("client_auth", &t.ClientAuth, oneOf(clientAuths)),
		scalar("accept_expired", &t.AcceptExpired, boolean),
		scalar("revoked", &t.Revoked, oneOf(revoked)),
		scalar("require_identity", &t.RequireIdentity, oneOf(identities)),
		scalar("min_version", &t.MinVersion, oneOf(tlsVersions)),
		scalar("max_version", &t.MaxVersion, oneOf(tlsVersions)),
		scalars("ciphers", &t.Ciphers, 1, text(parseCipher)),
		scalars("curves", &t.Curves, 1, text(parseCurve)),
		scalars("alpn", &t.ALPN, 0, text(parseProtocolName)),
		scalar("ticket_keys", &t.TicketKeys, text(parseFile)),
		scalar("handshake_timeout", &t.HandshakeTimeout, duration(minTimeout, maxTimeout, zeroForbidden)),
		scalar("max_handshakes", &t.MaxHandshakes, integer(1, maxConnections)),
		scalar("max_handshake_queue", &t.MaxHandshakeQueue, integer(0, maxConnections)),
		scalar("handshake_rate", &t.HandshakeRate, integer(0, maxRate)),
	}
}

func certificateFields(c *Certificate) []field {
	return []field{
		required(scalar("cert", &c.Cert, text(parseFile))),
		scalar("key", &c.Key, text(parseFile)),
	}
}

func poolFields(p *Pool) []field {
	return []field{
		required(scalar("name", &p.Name, text(parseName))),
		scalar("protocol", &p.Protocol, protocolOf(nodeProtocols, "and tls: {} beside it")),
		scalar("algorithm", &p.Algorithm, oneOf(algorithms)),
		scalar("hash_key", &p.HashKey, oneOf(hashKeys)),
		scalar("max_load", &p.MaxLoad, parseMaxLoad),
		scalar("outliers", &p.Outliers, oneOf(switches)),
		scalar("cookie", &p.Cookie, text(parseCookieName)),
		scalar("path", &p.Path, text(parseNodePath)),
		scalars("forward_headers", &p.ForwardHeaders, 0, text(parseForwardHeader)),
		scalars("remove_headers", &p.RemoveHeaders, 0, text(parseRemoveHeader)),
		scalar("proxy_protocol", &p.ProxyProtocol, oneOf(poolProxyProtocols)),
		scalars("forward_tlvs", &p.ForwardTLVs, 1, oneOf(forwardTLVs)),
		oneOrMore("source", &p.Source, text(parseSource)),
		scalar("transparent", &p.Transparent, boolean),
		optional("tls", &p.TLS, defaultNodeTLS, nodeTLSFields),
		scalar("removed_nodes", &p.RemovedNodes, oneOf(removedNodes)),
		scalar("when_down", &p.WhenDown, oneOf(whenDown)),
		scalar("takeover", &p.Takeover, oneOf(takeovers)),
		scalar("drain_rate", &p.DrainRate, integer(1, maxRate)),
		sectionOrOff("confirm", &p.Confirm, defaultConfirm, confirmFields),
		scalar("connect_rate", &p.ConnectRate, rateOf("sessions")),
		scalar("slow_start", &p.SlowStart, duration(minSlowStart, maxSlowStart, zeroAllowed)),
		section("queue", []field{
			scalar("size", &p.Queue.Size, sessions(0, maxConnections)),
			scalar("time", &p.Queue.Time, duration(minQueueTime, maxQueueTime, zeroForbidden)),
		}),
		scalar("rebalance", &p.Rebalance, rateOf("sessions")),
		scalar("readiness", &p.Readiness, boolean),
		section("health", healthFields(&p.Health)),
		optional("discover", &p.Discover, Discover{}, discoverFields),
		requiredUnless("discover", mappings("nodes", &p.Nodes, defaultNode, nodeFields)),
	}
}

func confirmFields(c *Confirm) []field {
	return []field{
		scalar("attempts", &c.Attempts, parseAttempts),
		scalar("time", &c.Time, duration(minTimeout, maxTimeout, zeroForbidden)),
		scalar("silence", &c.Silence, oneOf(silences)),
	}
}

func nodeTLSFields(t *NodeTLS) []field {
	return []field{
		scalar("ca", &t.CA, text(parseFile)),
		scalar("server_name", &t.ServerName, text(parseServerName)),
		scalar("cert", &t.Cert, text(parseFile)),
		scalar("key", &t.Key, text(parseFile)),
		scalar("min_version", &t.MinVersion, oneOf(tlsVersions)),
		scalar("max_version", &t.MaxVersion, oneOf(tlsVersions)),
		scalars("ciphers", &t.Ciphers, 1, text(parseCipher)),
		scalars("curves", &t.Curves, 1, text(parseCurve)),
		scalar("verify", &t.Verify, oneOf(verifies)),
	}
}

func healthFields(h *Health) []field {
	return []field{
		oneOrMore("probe", &h.Probe, oneOf(probes)),
		scalar("interval", &h.Interval, duration(minInterval, maxInterval, zeroForbidden)),
		scalar("timeout", &h.Timeout, duration(minTimeout, maxTimeout, zeroForbidden)),
		scalar("rise", &h.Rise, integer(1, maxInARow)),
		scalar("fall", &h.Fall, integer(1, maxInARow)),
		scalar("method", &h.Method, oneOf(methods)),
		scalar("path", &h.Path, text(parseTarget)),
		scalar("host", &h.Host, text(parseHostHeader)),
		scalar("status", &h.Status, integer(minStatus, maxStatus)),
		scalar("port", &h.Port, integer(1, maxPort)),
		optional("tls", &h.TLS, defaultNodeTLS, nodeTLSFields),
		scalar("credentials_file", &h.CredentialsFile, text(parseFile)),
		scalar("version", &h.Version, oneOf(mqttVersions)),
		scalar("client_id", &h.ClientID, text(parseClientIDPattern)),
		scalar("username", &h.Username, text(parseUsername)),
		scalar("password_file", &h.PasswordFile, text(parseFile)),
	}
}

func nodeFields(n *Node) []field {
	return []field{
		required(scalar("name", &n.Name, text(parseName))),
		required(scalar("address", &n.Address, text(parseNodeAddress))),
		scalar("weight", &n.Weight, integer(1, maxWeight)),
		scalar("max_connections", &n.MaxConnections, integer(0, maxConnections)),
		scalar("priority", &n.Priority, integer(0, maxPriority)),
		scalar("backup", &n.Backup, boolean),
		scalar("connect_rate", &n.ConnectRate, rateOf("sessions")),
		scalar("health_port", &n.HealthPort, integer(1, maxPort)),
	}
}

func limitsFields(l *Limits) []field {
	return []field{
		scalar("max_connections", &l.MaxConnections, integer(1, maxConnections)),
		scalar("connect_rate", &l.ConnectRate, integer(0, maxRate)),
		scalar("max_connections_per_address", &l.MaxConnectionsPerAddress, integer(0, maxConnections)),
		scalar("connect_rate_per_address", &l.ConnectRatePerAddress, integer(0, maxRate)),
		scalar("connect_rate_per_client_id", &l.ConnectRatePerClientID, rateWithin("sessions")),
		scalar("client_id_hold", &l.ClientIDHold, duration(minBan, maxBan, zeroForbidden)),
		scalar("max_connect_size", &l.MaxConnectSize, size(minConnectSize, maxConnectSize, zeroForbidden)),
		scalar("max_header_size", &l.MaxHeaderSize, size(minHeaderSize, maxHeaderSize, zeroForbidden)),
		scalar("max_request_size", &l.MaxRequestSize, size(minRequestSize, maxRequestSize, zeroAllowed)),
		scalar("opening_memory", &l.OpeningMemory, size(minOpeningMemory, maxOpeningMemory, zeroAllowed)),
		scalar("socket_buffer", &l.SocketBuffer, parseSocketBuffer),
		scalar("min_body_rate", &l.MinBodyRate, integer(0, maxRate)),
	}
}

func timeoutsFields(t *Timeouts) []field {
	return []field{
		scalar("connect_packet", &t.ConnectPacket, duration(minTimeout, maxTimeout, zeroForbidden)),
		scalar("dial", &t.Dial, duration(minTimeout, maxTimeout, zeroForbidden)),
		scalar("connect_node", &t.ConnectNode, duration(minTimeout, maxTimeout, zeroForbidden)),
		scalar("connack", &t.Connack, duration(minTimeout, maxTimeout, zeroForbidden)),
		scalar("idle", &t.Idle, duration(minIdle, maxIdle, zeroAllowed)),
		scalar("response", &t.Response, duration(minTimeout, maxTimeout, zeroForbidden)),
		scalar("keep_alive", &t.KeepAlive, duration(minTimeout, maxTimeout, zeroForbidden)),
		scalar("request_body", &t.RequestBody, duration(minTimeout, maxTimeout, zeroForbidden)),
		scalar("tunnel", &t.Tunnel, duration(minTimeout, maxTunnel, zeroAllowed)),
		scalar("write", &t.Write, duration(minWrite, maxWrite, zeroAllowed)),
		scalar("half_closed", &t.HalfClosed, duration(minTimeout, maxHalfClosed, zeroForbidden)),
		scalar("lame_duck", &t.LameDuck, duration(0, maxLameDuck, zeroAllowed)),
		scalar("shutdown", &t.Shutdown, duration(0, maxShutdown, zeroAllowed)),
	}
}
