package strictjson_test

import (
	"fmt"
	"testing"

	"github.com/zot-artifact-store/zas/strictjson"
)

func ExampleObject() {
	members, ok := strictjson.Object([]byte(`{"Effect":"Allow","effect":"Deny","Effect":1}`))
	for _, m := range members {
		fmt.Print(m.Name, "=", string(m.Value), " ")
	}
	fmt.Println(ok)
	// Output: Effect="Allow" effect="Deny" Effect=1 true
}

func TestWhatIsOfAnotherKindIsNone(t *testing.T) {
	for _, raw := range []string{``, `null`, `1`, `{`, `{} {}`} {
		if _, ok := strictjson.Object([]byte(raw)); ok {
			t.Errorf("%q is an object", raw)
		}
		if _, ok := strictjson.List([]byte(raw)); ok {
			t.Errorf("%q is a list", raw)
		}
		if _, ok := strictjson.Text([]byte(raw)); ok {
			t.Errorf("%q is a text", raw)
		}
	}
	if list, ok := strictjson.List([]byte(`[1,"a"]`)); !ok || len(list) != 2 {
		t.Errorf("%s, %v", list, ok)
	}
	if text, ok := strictjson.Text([]byte(`"a\u0062"`)); !ok || text != "ab" {
		t.Errorf("%q, %v", text, ok)
	}
}
