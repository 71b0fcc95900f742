// Command mqttlb is an MQTT-aware load balancer.
package main

func main() {}
