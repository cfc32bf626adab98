// Package headertext is text in the values of HTTP headers, which hold ASCII.
package headertext

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Encode is s as the value of a header: encoded words of RFC 2047 unless it is ASCII that comes through as it is. Bytes that are not
// UTF-8 are sent as they are.
func Encode(s string) string {
	plain := !strings.Contains(s, "=?") && strings.TrimSpace(s) == s
	for i := 0; plain && i < len(s); i++ {
		plain = ' ' <= s[i] && s[i] <= '~'
	}
	if plain {
		return s
	}
	const most = 45 // bytes of text in a word of 75 characters
	var words []string
	for s != "" {
		n := min(most, len(s))
		for n > most-utf8.UTFMax && n < len(s) && !utf8.RuneStart(s[n]) { // no further: it may be no UTF-8
			n--
		}
		words = append(words, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return strings.Join(words, " ")
}
