package bench

import (
	"crypto/md5" // SQS answers with it, and the SDK compares
	"encoding/hex"
	"encoding/json"
)

// message is one message as a queue acknowledges it.
type message struct{ Id, MessageId, MessageBody, MD5OfMessageBody string }

func (m message) taken() message {
	sum := md5.Sum([]byte(m.MessageBody))
	return message{Id: m.Id, MessageId: "m", MD5OfMessageBody: hex.EncodeToString(sum[:])}
}

func (s *standIn) sendMessageBatch(body *json.Decoder) (any, error) {
	var in struct{ Entries []message }
	if err := body.Decode(&in); err != nil {
		return nil, err
	}
	answer := struct{ Successful []message }{}
	for _, m := range in.Entries {
		answer.Successful = append(answer.Successful, m.taken())
	}
	s.count(len(in.Entries))
	return answer, nil
}

func (s *standIn) sendMessage(body *json.Decoder) (any, error) {
	var in message
	if err := body.Decode(&in); err != nil {
		return nil, err
	}
	s.count(1)
	return in.taken(), nil
}

func (s *standIn) count(messages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent += messages
}
