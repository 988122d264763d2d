package main

import "log"

func startShards(n int) []chan string {
	queues := make([]chan string, n)
	for i := range queues {
		queues[i] = make(chan string, 64)
		go func(q chan string) {
			for range q {
			}
		}(queues[i])
	}
	log.Printf("%d shards", len(queues))
	return queues
}
