// Package bench generates MQTT load and measures balancers under it.
package bench
