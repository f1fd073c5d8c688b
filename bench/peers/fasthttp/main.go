// The order API on fasthttp, sonic and franz-go, the fastest that was found in Go.
package main

import (
	"bytes"
	"context"
	"log"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/bytedance/sonic"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/valyala/fasthttp"

	"orderpipeline.dev/bench/peers/kafka"
)

type Order struct {
	CustomerID string  `json:"customer_id"`
	ProductID  string  `json:"product_id"`
	Quantity   int     `json:"quantity"`
	Amount     float64 `json:"amount"`
}

func (o *Order) valid() bool {
	return o.CustomerID != "" && o.ProductID != "" && o.Quantity > 0 && o.Amount > 0
}

var accepted = []byte(`{"status":"accepted"}`)

type server struct {
	client *kgo.Client
	wait   bool // reply after Kafka's acknowledgement
}

func main() {
	client, err := kafka.NewProducer()
	if err != nil {
		log.Fatal(err)
	}
	s := &server{client: client, wait: os.Getenv("WAIT") == "1"}
	log.Fatal(fasthttp.ListenAndServe(os.Getenv("ADDR"), s.handle))
}

func (s *server) handle(c *fasthttp.RequestCtx) {
	switch string(c.Path()) {
	case "/health":
		c.SetStatusCode(http.StatusOK)
	case "/order":
		s.order(c)
	case "/orders/batch":
		s.batch(c)
	default:
		c.SetStatusCode(http.StatusNotFound)
	}
}

func (s *server) order(c *fasthttp.RequestCtx) {
	body := append([]byte(nil), c.PostBody()...) // the buffer is used again after the reply
	var order Order
	if sonic.Unmarshal(body, &order) != nil || !order.valid() {
		c.SetStatusCode(http.StatusBadRequest)
		return
	}
	record := &kgo.Record{Key: []byte(order.CustomerID), Value: body}
	if s.wait {
		done := make(chan error, 1)
		s.client.Produce(context.Background(), record, func(_ *kgo.Record, err error) { done <- err })
		if <-done != nil {
			c.SetStatusCode(http.StatusServiceUnavailable)
			return
		}
	} else {
		s.client.Produce(context.Background(), record, report)
	}
	reply(c)
}

func (s *server) batch(c *fasthttp.RequestCtx) {
	body := append([]byte(nil), c.PostBody()...)
	if bytes.Equal(c.Request.Header.ContentType(), []byte("application/x-ndjson")) {
		body = bytes.ReplaceAll(bytes.TrimSpace(body), []byte{'\n'}, []byte{','})
		body = append(append([]byte{'['}, body...), ']')
	}
	var orders []Order
	if sonic.Unmarshal(body, &orders) != nil {
		c.SetStatusCode(http.StatusBadRequest)
		return
	}
	for i := range orders {
		if !orders[i].valid() {
			c.SetStatusCode(http.StatusBadRequest)
			return
		}
	}
	var left sync.WaitGroup
	var failed atomic.Bool
	for i := range orders {
		value, err := sonic.Marshal(&orders[i])
		if err != nil {
			c.SetStatusCode(http.StatusInternalServerError)
			return
		}
		record := &kgo.Record{Key: []byte(orders[i].CustomerID), Value: value}
		if !s.wait {
			s.client.Produce(context.Background(), record, report)
			continue
		}
		left.Add(1)
		s.client.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(true)
			}
			left.Done()
		})
	}
	left.Wait()
	if failed.Load() {
		c.SetStatusCode(http.StatusServiceUnavailable)
		return
	}
	reply(c)
}

func report(_ *kgo.Record, err error) {
	if err != nil {
		log.Print(err)
	}
}

func reply(c *fasthttp.RequestCtx) {
	c.SetContentType("application/json")
	c.SetStatusCode(http.StatusAccepted)
	c.SetBody(accepted)
}
