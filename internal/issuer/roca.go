package issuer

import "math/big"

// roca reports whether an RSA modulus has the fingerprint of CVE-2017-15361
// (Nemec et al., "The Return of Coppersmith's Attack", section 3): its primes
// are k*M + (65537^a mod M) with M a product of small primes, so the modulus is
// a power of 65537 modulo each of them. The test uses the odd primes up to 167. For a
// random modulus the probability of
// that is below 2^-25.
func roca(modulus *big.Int) bool {
	var rest big.Int
	for p := big.NewInt(3); p.Int64() <= 167; p.Add(p, big.NewInt(2)) {
		if p.ProbablyPrime(0) && !powerOf65537(rest.Mod(modulus, p).Int64(), p.Int64()) { // exact below 2^64
			return false
		}
	}
	return true
}

// powerOf65537 reports whether target is 65537^a modulo p for some a.
func powerOf65537(target, p int64) bool {
	generator := int64(65537) % p
	power := int64(1)
	for range p {
		if power == target {
			return true
		}
		power = power * generator % p
	}
	return false
}
