// The example of the documentation, as it stands there.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
)

func random() string {
	bytes := make([]byte, 32)
	if _, err := rand.Read(bytes); err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(bytes)
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	browse := func(to string) (*url.URL, error) {
		fmt.Println("OPEN " + to)
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, err
		}
		return url.Parse(strings.TrimSpace(line))
	}
	token, err := connect(os.Getenv("KEYWAY_URL"), os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"),
		os.Getenv("REDIRECT_URI"), random(), random(), browse)
	if err != nil {
		panic(err)
	}
	seen, err := json.Marshal(token)
	if err != nil {
		panic(err)
	}
	fmt.Println("DONE " + string(seen))
}
