package token

// CheckRevocation checks a token that was verified earlier against the current list of
// revoked tokens. The error is a *[denial.Error] of [ErrTokenRevoked], or nil.
func (v *Verifier) CheckRevocation(t *Token) error {
	if failure := v.checkRevocation(t); failure != nil {
		return failure
	}
	return nil
}
