// Package storm plays what happens to a cluster of brokers in a bad night, once behind
// HAProxy and once behind mqttlb, and reports what the clients and the nodes noticed: a
// cluster that boots, a node that is evacuated, restarted, killed, full, or up and down.
//
// The nodes are stub brokers in this process. They behave as EMQX does: a listener over its
// rate leaves connections in the kernel's queue, a full one closes right after accept, and
// an evacuated one refuses in MQTT. The clients reconnect with a back-off. The balancers are
// processes of their own with the configuration files of this folder.
package storm
