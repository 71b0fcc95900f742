// Package nodeset keeps the sets of nodes that pools discover: by the addresses of a host name, by SRV records, or
// by a file.
//
//	sets := nodeset.New(resolver, log)
//	sets.Apply([]nodeset.Watch{{Source: nodeset.Source{Pool: "emqx", Kind: nodeset.DNS, Name: "emqx-headless.default.svc"}}})
//	sets.Resolve(ctx) // so that the first session finds nodes
//	go sets.Run(ctx)
//	for range sets.Changed() {
//		build(sets.Find(source))
//	}
//
// A set is a list of names, where each is found, and its share. Replicas that get the same answers have the same sets.
// The package does not make balancer nodes of them, and does not look up the host names that a set has: package
// discovery does, as for nodes of the configuration.
package nodeset
