package object

// polynomial is a CRC of the common kind: bits reflected, register and result inverted. In its values the highest bit
// is the coefficient of x^0.
type polynomial struct {
	reversed uint64 // the polynomial without its highest term
	width    uint   // bits
}

var (
	crc32IEEE       = polynomial{0xEDB88320, 32}
	crc32Castagnoli = polynomial{0x82F63B78, 32}
	crc64NVME       = polynomial{0x9A6C9329AC4BC9B5, 64}
)

// multiply is the product of a and b over GF(2), modulo p.
func (p polynomial) multiply(a, b uint64) uint64 {
	var product uint64
	for term := uint64(1) << (p.width - 1); term != 0; term >>= 1 {
		if a&term != 0 {
			product ^= b
		}
		carry := b & 1
		b = b>>1 ^ p.reversed&-carry // times x
	}
	return product
}

// power is x^n modulo p.
func (p polynomial) power(n uint64) uint64 {
	product := uint64(1) << (p.width - 1)
	for square := product >> 1; n > 0; n >>= 1 {
		if n&1 != 0 {
			product = p.multiply(product, square)
		}
		square = p.multiply(square, square)
	}
	return product
}

// crcJoin computes the CRC of bytes in a row from the CRCs of its pieces. The zero CRC is that of no bytes.
type crcJoin struct {
	polynomial
	crc    uint64
	length int64  // of the last piece
	shift  uint64 // x^(8*length): pieces mostly have one length
}

// add goes on with a piece of this CRC and length in bytes: what came before is shifted by it. The inversions cancel each other.
func (j *crcJoin) add(crc uint64, length int64) {
	if j.shift == 0 || j.length != length {
		j.length, j.shift = length, j.power(8*uint64(length))
	}
	j.crc = j.multiply(j.shift, j.crc) ^ crc
}
