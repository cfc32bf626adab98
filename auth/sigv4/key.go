package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"
)

// scope is the credential scope: `20130524/us-east-1/s3/aws4_request`.
type scope struct{ day, region, service string }

func (s scope) append(b []byte) []byte {
	b = append(b, s.day...)
	b = append(b, '/')
	b = append(b, s.region...)
	b = append(b, '/')
	b = append(b, s.service...)
	b = append(b, '/')
	return append(b, terminator...)
}

type signingKey [sha256.Size]byte

// deriveKey is step 3 of "Calculating a Signature": four HMACs, so that a key is good for one day, region and service.
func deriveKey(secret string, s scope) (key signingKey) {
	k := mac([]byte("AWS4"+secret), []byte(s.day))
	k = mac(k, []byte(s.region))
	k = mac(k, []byte(s.service))
	return signingKey(mac(k, []byte(terminator)))
}

func mac(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

func hexMAC(key, message []byte) []byte {
	return hex.AppendEncode(nil, mac(key, message))
}

// stringToSign is step 2 of "Calculating a Signature", with the hash of the canonical request.
func stringToSign(t time.Time, s scope, request [sha256.Size]byte) []byte {
	b := make([]byte, 0, 192)
	b = append(b, algorithm...)
	b = append(b, '\n')
	b = t.AppendFormat(b, basicTime)
	b = append(b, '\n')
	b = s.append(b)
	b = append(b, '\n')
	return hex.AppendEncode(b, request[:])
}

// cacheSize bounds each of the two generations of a keyCache.
const cacheSize = 1024

// keyCache keeps derived keys in two generations: when the young one is full it becomes the old one, and what was old
// is dropped. The secret is part of the cache's key, so a changed secret never meets a key derived from its predecessor.
type keyCache struct {
	mu         sync.Mutex
	young, old map[cacheKey]signingKey
}

type cacheKey struct {
	secret string
	scope  scope
}

// get returns the signing key, and whether it came out of the cache.
func (c *keyCache) get(secret string, s scope) (key signingKey, cached bool) {
	k := cacheKey{secret, s}
	c.mu.Lock()
	key, cached = c.young[k]
	if !cached {
		if key, cached = c.old[k]; cached {
			c.putLocked(k, key)
		}
	}
	c.mu.Unlock()
	if !cached {
		key = deriveKey(secret, s)
	}
	return key, cached
}

func (c *keyCache) put(secret string, s scope, key signingKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.putLocked(cacheKey{secret, s}, key)
}

func (c *keyCache) putLocked(k cacheKey, key signingKey) {
	if c.young == nil || len(c.young) >= cacheSize {
		c.young, c.old = make(map[cacheKey]signingKey), c.young
	}
	c.young[k] = key
}
