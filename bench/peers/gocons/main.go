// A consumer of orders on franz-go and encoding/json: decodes each order, commits after each batch, runs until killed.
// With ADDR it says there how many orders it has handled, by the name that ours has for that.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"orderpipeline.dev/bench/peers/kafka"
)

type Order struct {
	CustomerID string  `json:"customer_id"`
	ProductID  string  `json:"product_id"`
	Quantity   int     `json:"quantity"`
	Amount     float64 `json:"amount"`
}

const batch = 10_000

func main() {
	options, err := kafka.Options()
	if err != nil {
		log.Fatal(err)
	}
	client, err := kgo.NewClient(append(options,
		kgo.ConsumerGroup(os.Getenv("GROUP")),
		kgo.ConsumeTopics(os.Getenv("TOPIC")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), // so that what was polled is committed by the member that has it
		kgo.FetchMaxBytes(50<<20),
		kgo.FetchMaxPartitionBytes(10<<20),
	)...)
	if err != nil {
		log.Fatal(err)
	}
	var handled atomic.Int64
	if address := os.Getenv("ADDR"); address != "" {
		go serve(address, &handled)
	}
	ctx := context.Background()
	revenue := 0.0
	for {
		fetches := client.PollRecords(ctx, batch)
		fetches.EachError(func(topic string, partition int32, err error) { log.Print(topic, partition, err) })
		count := int64(0)
		fetches.EachRecord(func(record *kgo.Record) {
			var order Order
			if err := json.Unmarshal(record.Value, &order); err != nil {
				log.Fatal(err)
			}
			revenue += order.Amount
			count++
		})
		handled.Add(count)
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			log.Print(err) // the next commit makes up for it
		}
		client.AllowRebalance()
	}
}

func serve(address string, handled *atomic.Int64) {
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "orderpipeline_orders_handled_total %d\n", handled.Load())
	})
	log.Fatal(http.ListenAndServe(address, nil))
}
