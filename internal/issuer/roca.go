package issuer

import "math/big"

// rocaPrimes returns the odd primes up to 167, the moduli of the test.
func rocaPrimes() []int64 {
	return []int64{
		3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
		113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
	}
}

// roca reports whether an RSA modulus has the fingerprint of CVE-2017-15361
// (Nemec et al., "The Return of Coppersmith's Attack", section 3): its primes
// are k*M + (65537^a mod M) with M a product of small primes, so the modulus is
// a power of 65537 modulo each of them. For a random modulus the probability of
// that is below 2^-25.
func roca(modulus *big.Int) bool {
	var rest big.Int
	for _, p := range rocaPrimes() {
		target := rest.Mod(modulus, big.NewInt(p)).Int64()
		if !powerOf65537(target, p) {
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
