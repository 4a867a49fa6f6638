// Connect an account with golang.org/x/oauth2; browse sends the end user's browser there, and answers where it came out.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"

	"golang.org/x/oauth2"
)

func connect(keyway, id, secret, redirect, state, verifier string, browse func(string) (*url.URL, error)) (*oauth2.Token, error) {
	endpoint := oauth2.Endpoint{AuthURL: keyway + "/oauth/authorize", TokenURL: keyway + "/oauth/token"}
	config := oauth2.Config{ClientID: id, ClientSecret: secret, RedirectURL: redirect, Endpoint: endpoint}
	digest := sha256.Sum256([]byte(verifier))
	answer, err := browse(config.AuthCodeURL(state, oauth2.SetAuthURLParam("code_challenge_method", "S256"),
		oauth2.SetAuthURLParam("code_challenge", base64.RawURLEncoding.EncodeToString(digest[:]))))
	if err != nil || answer.Query().Get("state") != state || answer.Query().Get("iss") != keyway {
		return nil, errors.New("not the answer to this request")
	}
	return config.Exchange(context.Background(), answer.Query().Get("code"), oauth2.SetAuthURLParam("code_verifier", verifier))
}
