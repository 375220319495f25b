package proxy

import (
	"encoding/json"
	"hash/crc32"
	"net/http"
	"strconv"
)

// wire is how a service writes an exception.
type wire struct {
	contentType string
	namespace   string // put before the exception's name in __type
	messageKey  string // services differ in its case
}

// wires follows the answers of the services themselves: DynamoDB qualifies
// its exceptions, Secrets Manager does not and writes Message in capitals.
var wires = map[string]wire{
	serviceDynamo:  {"application/x-amz-json-1.0", "com.amazonaws.dynamodb.v20120810#", "message"},
	serviceSQS:     {"application/x-amz-json-1.0", "com.amazonaws.sqs#", "message"},
	serviceSecrets: {"application/x-amz-json-1.1", "", "Message"},
}

// refusal is an exception that the proxy raises in a service's name.
func refusal(service string, status int, name, message string) *answer {
	shape := wires[service]
	body, _ := json.Marshal(map[string]string{"__type": shape.namespace + name, shape.messageKey: message})
	a := answered(service, status, body)
	a.errorType = name
	if service == serviceSQS { // SDKs map SQS errors by their name in the older protocol
		a.header.Set("X-Amzn-Query-Error", name+";"+side(status))
	}
	return a
}

func side(status int) string {
	if status < http.StatusInternalServerError {
		return "Sender"
	}
	return "Receiver"
}

// answered is an answer that the proxy writes itself.
func answered(service string, status int, body []byte) *answer {
	a := &answer{status: status, header: http.Header{}, body: body}
	a.header.Set("Content-Type", wires[service].contentType)
	a.header.Set("X-Amzn-Requestid", "proxy")
	if service == serviceDynamo {
		a.header.Set(checksumHeader, checksum(body))
	}
	return a
}

// checksumHeader carries DynamoDB's CRC-32 of the body; SDKs check it.
const checksumHeader = "X-Amz-Crc32"

func checksum(body []byte) string {
	return strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)
}

// withBody is the same answer with another body.
func (a *answer) withBody(body []byte) *answer {
	if a.header.Get(checksumHeader) != "" {
		a.header.Set(checksumHeader, checksum(body))
	}
	a.release()
	a.body = body
	return a
}

// exceptions are the names of the faults that a service answers with.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
var exceptions = map[Kind]map[string]*struct {
	status        int
	name, message string
}{
	Throttle: {
		serviceDynamo:  {400, "ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded."},
		serviceSQS:     {400, "RequestThrottled", "Request is throttled."},
		serviceSecrets: {400, "ThrottlingException", "Rate exceeded"},
	},
	Unavailable: {
		serviceDynamo:  {500, "InternalServerError", "Internal server error"},
		serviceSQS:     {503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."},
		serviceSecrets: {500, "InternalServiceError", "An error occurred on the server side."},
	},
	AccessDenied: {
		serviceDynamo:  {400, "AccessDeniedException", "User is not authorized to perform this action."},
		serviceSQS:     {400, "AccessDeniedException", "User is not authorized to perform this action."},
		serviceSecrets: {400, "AccessDeniedException", "User is not authorized to perform this action."},
	},
}

func exception(kind Kind, service string) *answer {
	e := exceptions[kind][service]
	return refusal(service, e.status, e.name, e.message)
}
