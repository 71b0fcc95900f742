// Package config is the configuration file of mqttlb: its language, its
// defaults and its errors. It is plain data and knows nothing of the run time.
package config
