// Package kafka connects the peers to Kafka, as their environment says.
package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Options are the brokers in BROKERS and, if CA_FILE is set, TLS with this CA and SCRAM-SHA-512 as SASL_USERNAME with
// the password in SASL_PASSWORD_FILE.
func Options() ([]kgo.Opt, error) {
	options := []kgo.Opt{kgo.SeedBrokers(strings.Split(os.Getenv("BROKERS"), ",")...)}
	file := os.Getenv("CA_FILE")
	if file == "" {
		return options, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("CA_FILE: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA_FILE: %s has no certificate", file)
	}
	password, err := os.ReadFile(os.Getenv("SASL_PASSWORD_FILE"))
	if err != nil {
		return nil, fmt.Errorf("SASL_PASSWORD_FILE: %w", err)
	}
	user := scram.Auth{User: os.Getenv("SASL_USERNAME"), Pass: strings.TrimRight(string(password), "\r\n")}
	return append(options,
		kgo.DialTLSConfig(&tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}),
		kgo.SASL(user.AsSha512Mechanism()),
	), nil
}

// NewProducer makes a client that writes to TOPIC with snappy and LINGER_MS. ACKS=all waits for all in-sync replicas
// and is idempotent, which is franz-go's default; ACKS=1 waits for the leader alone.
func NewProducer() (*kgo.Client, error) {
	options, err := Options()
	if err != nil {
		return nil, err
	}
	linger, err := strconv.Atoi(os.Getenv("LINGER_MS"))
	if err != nil {
		return nil, fmt.Errorf("LINGER_MS must be a number: %w", err)
	}
	switch acks := os.Getenv("ACKS"); acks {
	case "all":
	case "1":
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	default:
		return nil, fmt.Errorf("ACKS must be all or 1, not %q", acks)
	}
	return kgo.NewClient(append(options,
		kgo.DefaultProduceTopic(os.Getenv("TOPIC")),
		kgo.ProducerLinger(time.Duration(linger)*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.SnappyCompression()),
		kgo.MaxBufferedRecords(1_000_000),
	)...)
}
