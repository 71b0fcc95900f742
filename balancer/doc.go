// Package balancer chooses the node of a pool that takes a session.
package balancer
