package sigv4

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Credentials sign requests. Token is for temporary credentials only.
type Credentials struct {
	AccessKey string
	SecretKey string
	Token     string
}

// Sign signs r in its Authorization header, for service s3 ("Authorization Header" page). payload is the hexadecimal
// SHA-256 of the body, or UnsignedPayload, or one of the STREAMING forms; when empty it is EmptySHA256 for a request
// without body, else UnsignedPayload. The host, content-type, content-md5 and all x-amz-* headers are signed: set them
// before. Sign sets x-amz-date and x-amz-content-sha256.
func Sign(r *http.Request, c Credentials, region string, at time.Time, payload string) {
	at = at.UTC()
	if payload == "" {
		payload = UnsignedPayload
		if r.Body == nil || r.Body == http.NoBody {
			payload = EmptySHA256
		}
	}
	r.Header.Set(headerDate, at.Format(basicTime))
	r.Header.Set(headerContentSHA256, payload)
	if c.Token != "" {
		r.Header.Set(headerToken, c.Token)
	}
	s := scope{day: at.Format(basicDay), region: region, service: serviceS3}
	names := namesToSign(r.Header)
	signature := sign(r, c.SecretKey, seed{time: at, scope: s}, names, payload)
	r.Header.Set("Authorization", algorithm+
		" Credential="+c.AccessKey+"/"+string(s.append(nil))+
		", SignedHeaders="+strings.Join(names, ";")+
		", Signature="+signature)
}

// Presign returns the URL of r with a signature in its query, for service s3, valid for expires (1 second to 7 days)
// ("Query Parameters" page). The headers that Sign would sign have to be sent with the URL. The body is not signed.
func Presign(r *http.Request, c Credentials, region string, at time.Time, expires time.Duration) string {
	at = at.UTC()
	s := scope{day: at.Format(basicDay), region: region, service: serviceS3}
	names := namesToSign(r.Header)
	params, _ := parseQuery(r.URL.RawQuery)
	params = append(params,
		param{paramAlgorithm, algorithm},
		param{paramCredential, c.AccessKey + "/" + string(s.append(nil))},
		param{paramDate, at.Format(basicTime)},
		param{paramExpires, strconv.FormatInt(int64(expires/time.Second), 10)},
		param{paramSignedHeaders, strings.Join(names, ";")})
	if c.Token != "" {
		params = append(params, param{paramToken, c.Token})
	}
	u := *r.URL
	u.RawQuery = params.canonical()
	signed := &http.Request{Method: r.Method, URL: &u, Host: host(r), Header: r.Header}
	u.RawQuery += "&" + paramSignature + "=" + sign(signed, c.SecretKey, seed{time: at, scope: s}, names, UnsignedPayload)
	return u.String()
}

func sign(r *http.Request, secret string, s seed, names []string, payload string) string {
	params, _ := parseQuery(r.URL.RawQuery) // one that cannot be decoded is refused by every server
	form := canonical{
		method: r.Method, path: r.URL.EscapedPath(), query: params.canonical(), headers: canonicalHeaders(r, names),
		signed: names, payload: payload,
	}
	if paths, err := canonicalPaths(form.path); err == nil { // EscapedPath can always be decoded
		form.path = paths[0]
	}
	if form.method == "" {
		form.method = http.MethodGet
	}
	key := deriveKey(secret, s.scope)
	return string(hexMAC(key[:], stringToSign(s.time, s.scope, sha256.Sum256(form.request()))))
}

// namesToSign is host and the headers that must not change on the way.
func namesToSign(h http.Header) []string {
	names := []string{"host"}
	for name := range h {
		name = strings.ToLower(name)
		if name == "content-type" || name == "content-md5" || strings.HasPrefix(name, "x-amz-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
