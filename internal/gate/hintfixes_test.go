package gate_test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// quotedTexts returns the quoted texts in a value of a fix.
func quotedTexts(value string) []string {
	var texts []string
	for _, one := range regexp.MustCompile(`"(?:[^"\\]|\\.)*"`).FindAllString(value, -1) {
		text, err := strconv.Unquote(one)
		if err != nil {
			panic(err)
		}
		texts = append(texts, text)
	}
	return texts
}

func first(value string) string { return quotedTexts(value)[0] }

type applier = func(p *plight, v []string)

// appliers says how to follow each fix. The functions below are its parts.
func appliers(c *cast) map[string]applier {
	all := map[string]applier{}
	for _, part := range []map[string]applier{
		requestAppliers(), routeAppliers(), credentialAppliers(), issuerAppliers(c), keyAppliers(c), timeAppliers(), clientAppliers(),
		claimAppliers(), requirementAppliers(), identityAppliers(),
	} {
		maps.Copy(all, part)
	}
	return all
}

func requestAppliers() map[string]applier {
	without := map[string]string{
		"a backslash": `\`, "a semicolon": ";", "a fragment": "#", "a control byte or space": " ", "a byte that is not ASCII": "é",
		"an empty segment": "/", "a dot segment": "/..", "a broken percent-encoding": "%zz", "percent-encoded bytes that are not UTF-8": "%ff",
		"a percent-encoded control character": "%0a", "a percent-encoded dot": "%2e", "a percent-encoded slash": "%2f",
		"a percent-encoded backslash": "%5c", "a percent-encoded percent sign": "%25", "a percent-encoded semicolon": "%3b",
		"a percent-encoded NUL": "%00",
	}
	return map[string]applier{
		"FixMethodCase":      func(p *plight, _ []string) { p.method = strings.ToUpper(p.method) },
		"FixMethod":          func(p *plight, _ []string) { p.method = "GET" },
		"FixNoMethodInQuery": func(p *plight, _ []string) { p.target, _, _ = strings.Cut(p.target, "?") },
		"FixPathStart":       func(p *plight, _ []string) { p.target = "/" + p.target },
		"FixPathWithout":     func(p *plight, v []string) { p.target = strings.Replace(p.target, without[v[0]], "", 1) },
		"FixRelax":           func(p *plight, v []string) { add(p.section("relax"), "all", v[0]) },
		"FixHost":            func(p *plight, _ []string) { p.host = "api.example" },
		"FixConnection":      func(p *plight, _ []string) { p.fields = nil },
		"FixAddOrigin":       func(p *plight, v []string) { add(p.section("cors"), "origins", first(v[0])) },
		"FixUseOrigin":       func(p *plight, v []string) { p.fields[0] = "origin: " + first(v[0]) },
	}
}

func routeAppliers() map[string]applier {
	matching := func(p *plight) object { return object{"match": p.method + " " + p.target} }
	routes := func(p *plight) []any { return p.cfg["routes"].([]any) }
	return map[string]applier{
		"FixNameRoute":     func(p *plight, v []string) { p.route = first(v[0]) },
		"FixAddNamedRoute": func(p *plight, v []string) { p.cfg["routes"] = append(routes(p), object{"name": first(v[0])}) },
		"FixRouteMatch": func(p *plight, v []string) {
			p.strict()["match"] = p.method + " " + p.target
			delete(p.strict(), "hosts")
		},
		"FixEnvoyRoute":  func(p *plight, _ []string) { p.route = "" },
		"FixRouteAccess": func(p *plight, _ []string) { p.strict()["access"] = "required" },
		"FixRouteBefore": func(p *plight, _ []string) { p.cfg["routes"] = append([]any{matching(p)}, routes(p)...) },
		"FixDefault":     func(p *plight, _ []string) { p.cfg["default"] = "required" },
		"FixAddRoute":    func(p *plight, _ []string) { p.cfg["routes"] = append(routes(p), matching(p)) },
		"FixOptional":    func(p *plight, _ []string) { p.strict()["access"] = "optional" },
		"FixAddOptional": func(p *plight, _ []string) {
			route := matching(p)
			route["access"] = "optional"
			p.cfg["routes"] = append(routes(p), route)
		},
	}
}

func credentialAppliers() map[string]applier {
	asSent := func(p *plight, _ []string) { p.spoil = nil }
	read := func(place any) applier {
		return func(p *plight, _ []string) {
			to, key := p.section("tokens"), "from"
			if p.strict()["tokens_from"] != nil {
				to, key = p.strict(), "tokens_from"
			}
			list, ok := to[key].([]any)
			if !ok {
				list = []any{"bearer"}
			}
			to[key] = append(list, place)
		}
	}
	return map[string]applier{
		"FixOneToken":         func(p *plight, _ []string) { p.fields, p.target = nil, "/strict" },
		"FixOneAuthorization": func(p *plight, _ []string) { p.fields, p.spoil = nil, nil },
		"FixNoComma":          asSent,
		"FixPlainParameter":   func(p *plight, v []string) { p.target = "/strict?" + v[0] + "=%s" },
		"FixProtocolOnce":     func(p *plight, v []string) { p.send = "sec-websocket-protocol: " + v[0] + ", %s" },
		"FixSendToken": func(p *plight, v []string) {
			p.send = "authorization: Bearer %s"
			switch {
			case strings.HasPrefix(v[0], "the cookie"):
				p.send = "cookie: " + first(v[0]) + "=%s"
			case strings.HasPrefix(v[0], "Sec-WebSocket-Protocol"):
				p.send = "sec-websocket-protocol: bearer, %s"
			}
		},
		"FixBearer":            func(p *plight, _ []string) { p.send, p.spoil = "authorization: Bearer %s", nil },
		"FixReadAuthorization": read(object{"header": "authorization"}),
		"FixNoBearer":          func(p *plight, _ []string) { p.send = "authorization: %s" },
		"FixReadBearer":        read("bearer"),
		"FixCookieOrigin": func(p *plight, v []string) {
			for _, place := range p.strict()["tokens_from"].([]any) {
				if cookie, ok := place.(object); ok && cookie["cookie"] == v[1] {
					add(cookie, "origins", first(v[0]))
				}
			}
		},
		"FixSameSite":      func(p *plight, _ []string) { p.fields = []string{"sec-fetch-site: same-origin"} },
		"FixAsIssued":      asSent,
		"FixOnlyToken":     func(p *plight, _ []string) { p.spoil, p.send = nil, strings.ReplaceAll(p.send, "Token ", "") },
		"FixUnquote":       asSent,
		"FixBase64URL":     asSent,
		"FixWholeToken":    asSent,
		"FixLogIn":         asSent,
		"FixRequestJWT":    asSent,
		"FixUnencrypted":   asSent,
		"FixShorter":       func(p *plight, _ []string) { delete(p.claims, "padding") },
		"FixMaxTokenBytes": func(p *plight, v []string) { p.section("tokens")["max_bytes"] = number(v[0]) },
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func issuerAppliers(c *cast) map[string]applier {
	cognito := func(p *plight, v []string) {
		one := p.issuer(first(v[2]))
		delete(one, "issuer")
		if clients := quotedTexts(v[1]); len(clients) == 0 {
			one["clients"] = []any{"web"}
		}
		one["cognito"] = first(v[0])
	}
	return map[string]applier{
		"FixSetISS":     func(p *plight, v []string) { p.issuer(first(v[1]))["issuer"] = first(v[0]) },
		"FixIssuerUses": func(p *plight, v []string) { p.claims["iss"] = first(v[0]) },
		"FixAddIssuer": func(p *plight, v []string) {
			p.cfg["issuers"].(object)["new"] = object{"issuer": first(v[0]), "prefix": "new:", "audiences": []any{"orders-api"},
				"algorithms": []any{"ES256"}}
			p.strict()["issuers"] = []any{"home", "new"}
			p.sets["new"] = p.sets["home"]
		},
		"FixTokenOf": func(p *plight, v []string) {
			p.claims["iss"], p.key, p.header = p.issuer(first(v[0]))["issuer"], c.home, object{}
		},
		"FixEntraVersion": func(p *plight, v []string) {
			p.claims["iss"] = map[string]string{
				"1": "https://sts.windows.net/" + tenantID + "/", "2": "https://login.microsoftonline.com/" + tenantID + "/v2.0",
			}[v[0]]
		},
		"FixCognito": cognito,
		"FixCognitoReplica": func(p *plight, v []string) {
			cognito(p, v)
			add(p.issuer(first(v[2])), "replica_regions", first(v[3]))
		},
		"FixReplicaRegion": func(p *plight, v []string) { add(p.issuer(first(v[1])), "replica_regions", first(v[0])) },
		"FixHomeRegion": func(p *plight, v []string) {
			p.claims["iss"] = regexp.MustCompile(`idp\.[a-z0-9-]+\.`).ReplaceAllString(p.claims["iss"].(string), "idp."+first(v[0])+".")
		},
		"FixNotGraph": func(p *plight, _ []string) {
			delete(p.header, "nonce")
			p.claims["iss"], p.spoil = p.issuer("home")["issuer"], nil
		},
	}
}

const tenantID = "11111111-2222-4333-8444-555555555555"

func keyAppliers(c *cast) map[string]applier {
	signWith := func(p *plight, v []string) {
		for _, key := range []*struct {
			alg string
			use func()
		}{
			{"ES256", func() { p.key = c.home }}, {"ES384", func() { p.key = c.p384 }}, {"RS256", func() { p.key = c.rsa }},
		} {
			if key.alg == first(v[0]) {
				key.use()
			}
		}
		p.spoil = nil
		delete(p.header, "alg")
	}
	good := func(p *plight, _ []string) { p.key, p.header, p.spoil = c.home, object{}, nil }
	publish := map[string]func(key object){
		`with the use "sig"`:                 func(key object) { key["use"] = "sig" },
		`with "verify" in key_ops`:           func(key object) { key["key_ops"] = []any{"verify"} },
		"with n and e":                       func(key object) { maps.Copy(key, jwk(c.rsa)) },
		"in the form that RFC 7517 requires": func(key object) { maps.Copy(key, jwk(c.other)) },
		"without alg":                        func(key object) { delete(key, "alg") },
	}
	return map[string]applier{
		"FixAddAlgorithm": func(p *plight, v []string) { add(p.issuer(first(v[1])), "algorithms", v[0]) },
		"FixSignWith":     signWith,
		"FixNoParameter":  func(p *plight, v []string) { delete(p.header, v[0]) },
		"FixAddType":      func(p *plight, v []string) { add(p.issuer(first(v[1])), "token_types", "JWT", first(v[0])) },
		"FixType":         func(p *plight, v []string) { p.header["typ"] = first(v[0]) },
		"FixKID":          func(p *plight, _ []string) { delete(p.header, "kid") },
		"FixPublishedKey": good,
		"FixSignedAgain":  good,
		"FixOtherKey":     good,
		"FixKeyAlg":       signWith,
		"FixPublishKey": func(p *plight, v []string) {
			for _, key := range p.sets["home"] {
				if key["kid"] == p.key.ID {
					publish[v[0]](key)
				}
			}
		},
		"FixOneKey": func(p *plight, _ []string) { p.sets["home"] = []object{jwk(p.key)} },
		"FixKeyFor": func(p *plight, _ []string) { p.sets["home"] = append(p.sets["home"], jwk(p.key)) },
	}
}

func timeAppliers() map[string]applier {
	fresh := func(p *plight, _ []string) {
		now := time.Now().Add(p.ahead).Unix()
		p.claims["iat"], p.claims["exp"], p.claims["auth_time"], p.claims["jti"], p.claims["origin_jti"] = now, now+600, now, "j-2", "o-2"
	}
	return map[string]applier{
		"FixExpiry": fresh, "FixNewToken": fresh, "FixExpired": fresh, "FixLogInAgain": fresh, "FixAfterRevoked": fresh, "FixLoginTime": fresh,
		"FixIssuedAt": func(p *plight, _ []string) { p.claims["iat"] = time.Now().Unix() },
		"FixWait":     func(p *plight, _ []string) { p.ahead += 5 * time.Minute },
		"FixClocks":   func(p *plight, v []string) { p.claims[v[0]] = time.Now().Unix() },
		"FixLifetime": func(p *plight, v []string) {
			now := time.Now().Unix()
			p.claims["iat"], p.claims["exp"] = now, now+int64(duration(v[0]).Seconds())
		},
		"FixMaxLifetime": func(p *plight, v []string) {
			p.issuer(first(v[0]))["max_lifetime"] = duration(v[1]).String()
		},
		"FixNoMaxLifetime": func(p *plight, v []string) { delete(p.issuer(first(v[0])), "max_lifetime") },
		"FixNotRevoked":    func(p *plight, _ []string) { p.revoked = []string{} },
	}
}

func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

func clientAppliers() map[string]applier {
	asClient := func(p *plight, v []string) {
		delete(p.claims, "azp")
		if p.claims["token_use"] == "id" {
			p.claims["aud"] = first(v[0])
			return
		}
		claim := "client_id"
		if own, _ := p.issuer("home")["client_claims"].([]any); len(own) > 0 {
			claim = own[0].(string)
		}
		p.claims[claim] = first(v[0])
	}
	audience := func(p *plight, v []string) { p.claims["aud"] = first(v[0]) }
	access := func(p *plight, _ []string) {
		for _, claim := range []string{"nonce", "events", "typ"} {
			delete(p.claims, claim)
		}
		delete(p.header, "typ")
		p.spoil = nil
		p.claims["aud"], p.claims["client_id"] = "orders-api", "web"
		if p.issuer("home")["cognito"] != nil {
			delete(p.claims, "aud")
			p.claims["token_use"] = "access"
		}
	}
	return map[string]applier{
		"FixSendAccess": access, "FixAccessForClient": access,
		"FixSendID": func(p *plight, _ []string) {
			access(p, nil)
			p.claims["nonce"] = "n"
			if p.issuer("home")["cognito"] != nil {
				p.claims["token_use"], p.claims["aud"] = "id", "web"
			}
		},
		"FixRequestAudience": func(p *plight, v []string) { p.spoil = nil; audience(p, v) },
		"FixWriteAudience":   audience,
		"FixOwnAudience":     func(p *plight, v []string) { audience(p, v[1:]) },
		"FixAddAudience":     func(p *plight, v []string) { add(p.issuer(first(v[1])), "audiences", first(v[0])) },
		"FixOtherAudience":   func(p *plight, v []string) { add(p.issuer(first(v[2])), "audiences", first(v[0])) },
		"FixNoResource":      func(p *plight, _ []string) { delete(p.claims, "aud") },
		"FixNoAudiences":     func(p *plight, v []string) { delete(p.issuer(first(v[1])), "audiences") },
		"FixClientsOnly": func(p *plight, v []string) {
			delete(p.issuer(first(v[1])), "audiences")
			add(p.issuer(first(v[1])), "clients", first(v[0]))
		},
		"FixAddClient":     func(p *plight, v []string) { add(p.issuer(first(v[1])), "clients", quotedTexts(v[0])...) },
		"FixOtherClient":   func(p *plight, v []string) { add(p.issuer(first(v[2])), "clients", first(v[0])) },
		"FixRequestClient": asClient, "FixChosenAudience": asClient, "FixUseClient": asClient,
		"FixClientClaim":    func(p *plight, v []string) { add(p.issuer(first(v[0])), "client_claims", "my_client") },
		"FixAudienceClient": func(p *plight, _ []string) { p.claims["aud"] = "web" },
		"FixAudiencesOnly": func(p *plight, v []string) {
			delete(p.issuer(first(v[1])), "clients")
			add(p.issuer(first(v[1])), "audiences", first(v[0]))
		},
		"FixWithClient": func(p *plight, _ []string) { p.claims["client_id"] = "somebody" },
	}
}

func claimAppliers() map[string]applier {
	now := time.Now().Unix()
	proper := object{"exp": now + 600, "nbf": now - 60, "iat": now, "aud": "orders-api", "client_id": "web", "azp": "web"}
	return map[string]applier{
		"FixClaimsJSON":  func(p *plight, _ []string) { p.spoil = nil },
		"FixClaimForm":   func(p *plight, v []string) { p.claims[v[0]] = proper[v[0]] },
		"FixPrefix":      func(p *plight, v []string) { p.issuer(first(v[0]))["prefix"] = "own:" },
		"FixForeignName": func(p *plight, _ []string) { p.claims["sub"] = "alice" },
		"FixTenantID":    func(p *plight, _ []string) { p.claims["tid"] = tenantID },
		"FixSPIFFE":      func(p *plight, v []string) { p.claims["sub"] = first(v[0]) + "/ns/a" },
		"FixClaimValue":  func(p *plight, v []string) { p.claims[v[0]] = first(v[1]) },
		"FixRequire": func(p *plight, v []string) {
			add(p.issuer(first(v[2]))["require"].(object), v[1], first(v[0]))
		},
		"FixAddUse":      func(p *plight, v []string) { add(p.issuer(first(v[1])), "token_use", "access", "id") },
		"FixBothUses":    func(p *plight, v []string) { p.issuer(first(v[0]))["token_use"] = []any{"access", "id"} },
		"FixUnbound":     func(p *plight, _ []string) { delete(p.claims, "cnf") },
		"FixAcceptBound": func(p *plight, v []string) { p.issuer(first(v[0]))["bound_tokens"] = "accept_as_bearer" },
		"FixSubject": func(p *plight, v []string) {
			name, _, _ := strings.Cut(v[0], " or ")
			p.claims[name] = "alice"
		},
		"FixSubjectClaims": func(p *plight, v []string) { p.issuer(first(v[0]))["subject_claims"] = []any{"login"} },
	}
}

func requirementAppliers() map[string]applier {
	alternative := func(p *plight, key string, has []string, value string) {
		for _, one := range p.strict()["any_of"].([]any) {
			if list, ok := one.(object)[key].([]any); ok && slices.EqualFunc(list, has, func(a any, b string) bool { return a == b }) {
				add(one.(object), key, value)
			}
		}
	}
	return map[string]applier{
		"FixRouteIssuer":       func(p *plight, v []string) { add(p.strict(), "issuers", first(v[0])) },
		"FixAlternativeIssuer": func(p *plight, v []string) { alternative(p, "issuers", quotedTexts(v[1]), first(v[0])) },
		"FixAlternativeClient": func(p *plight, v []string) { alternative(p, "clients", quotedTexts(v[1]), first(v[0])) },
		"FixRouteClient":       func(p *plight, v []string) { add(p.strict(), "clients", first(v[0])) },
		"FixRouteOneClient":    func(p *plight, _ []string) { p.strict()["clients"] = p.strict()["clients"].(object)["all"] },
		"FixAddToGroup": func(p *plight, v []string) {
			claim := "groups"
			if p.issuer("home")["cognito"] != nil {
				claim = "cognito:groups"
			}
			if _, ok := p.claims[claim].([]any); !ok {
				delete(p.claims, claim)
			}
			add(p.claims, claim, quotedTexts(v[1])...)
		},
		"FixGroupPrefix": func(p *plight, v []string) {
			var groups []any
			for _, group := range quotedTexts(v[1]) {
				groups = append(groups, group)
			}
			p.strict()["groups"] = groups
		},
		"FixListForm":    func(p *plight, v []string) { p.claims[v[0]] = textsIn(p.claims[v[0]]) },
		"FixGroupsClaim": func(p *plight, v []string) { p.issuer(first(v[0]))["groups_claim"] = []any{"my_groups"} },
		"FixFewerGroups": func(p *plight, _ []string) { // few enough that the token lists them
			delete(p.claims, "_claim_names")
			delete(p.claims, "hasgroups")
			p.claims["groups"] = p.claims["my_groups"]
		},
		"FixScope": func(p *plight, v []string) {
			p.claims["scope"] = strings.Join(append(quotedTexts(v[0]), "read"), " ")
		},
		"FixACR": func(p *plight, v []string) { p.claims["acr"] = first(v[0]) },
	}
}

// textsIn returns the texts that a claim has in another form: in an array with other items, or
// as the names of an object.
func textsIn(value any) []any {
	texts := []any{}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if text, ok := item.(string); ok {
				texts = append(texts, text)
			}
		}
	case object:
		for name := range v {
			texts = append(texts, name)
		}
	}
	return texts
}

func identityAppliers() map[string]applier {
	return map[string]applier{
		"FixUserIDSub": func(p *plight, _ []string) {
			add(p.section("identity")["headers"].(object), "x-user-id", "sub")
		},
		"FixVerifyEmail":     func(p *plight, _ []string) { p.claims["email_verified"] = true },
		"FixAssumeEmail":     func(p *plight, v []string) { p.issuer(first(v[0]))["email_verified"] = "assumed" },
		"FixShorterIdentity": func(p *plight, _ []string) { p.claims["preferred_username"], p.claims["groups"] = "a", []any{} },
		"FixMaxValueBytes":   func(p *plight, v []string) { p.section("identity")["max_value_bytes"] = number(v[0]) },
		"FixMaxTotalBytes":   func(p *plight, v []string) { p.section("identity")["max_total_bytes"] = number(v[0]) },
		"FixDropHeader": func(p *plight, v []string) {
			headers, ok := p.section("identity")["headers"].(object)
			if !ok {
				headers = object{}
			}
			headers[v[0]] = nil
			p.section("identity")["headers"] = headers
		},
	}
}
