// The order API on Gin and franz-go, as most Go teams would write it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderpipeline.dev/bench/peers/kafka"
)

type Order struct {
	CustomerID string  `json:"customer_id" binding:"required"`
	ProductID  string  `json:"product_id" binding:"required"`
	Quantity   int     `json:"quantity" binding:"required,gt=0"`
	Amount     float64 `json:"amount" binding:"required,gt=0"`
}

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
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.POST("/order", s.order)
	r.POST("/orders/batch", s.batch)
	r.GET("/health", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	log.Fatal(r.Run(os.Getenv("ADDR")))
}

func (s *server) order(c *gin.Context) {
	var order Order
	if err := c.ShouldBindJSON(&order); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	if err := s.produce([]Order{order}); err != nil {
		c.JSON(http.StatusServiceUnavailable, gin.H{"error": err.Error()})
		return
	}
	c.JSON(http.StatusAccepted, gin.H{"status": "accepted"})
}

func (s *server) batch(c *gin.Context) {
	var orders []Order
	var err error
	if c.ContentType() == "application/x-ndjson" {
		orders, err = lines(c)
	} else {
		err = c.ShouldBindJSON(&orders)
	}
	if err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	if err := s.produce(orders); err != nil {
		c.JSON(http.StatusServiceUnavailable, gin.H{"error": err.Error()})
		return
	}
	c.JSON(http.StatusAccepted, gin.H{"accepted": len(orders)})
}

func lines(c *gin.Context) ([]Order, error) {
	var orders []Order
	scanner := bufio.NewScanner(c.Request.Body)
	for scanner.Scan() {
		var order Order
		if err := json.Unmarshal(scanner.Bytes(), &order); err != nil {
			return nil, err
		}
		if err := binding.Validator.ValidateStruct(&order); err != nil {
			return nil, err
		}
		orders = append(orders, order)
	}
	return orders, scanner.Err()
}

func (s *server) produce(orders []Order) error {
	var done chan error
	if s.wait {
		done = make(chan error, len(orders))
	}
	for i := range orders {
		value, err := json.Marshal(&orders[i])
		if err != nil {
			return err
		}
		record := &kgo.Record{Key: []byte(orders[i].CustomerID), Value: value}
		s.client.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
			if done != nil {
				done <- err
			} else if err != nil {
				log.Print(err)
			}
		})
	}
	if done == nil {
		return nil
	}
	for range orders {
		if err := <-done; err != nil {
			return err
		}
	}
	return nil
}
