package token

// Revocation checks a token that was verified earlier against the list as it is now: a
// *[denial.Error] of [ErrTokenRevoked], or nil.
func (v *Verifier) Revocation(t *Token) error {
	if failure := v.revocation(t); failure != nil {
		return failure
	}
	return nil
}
