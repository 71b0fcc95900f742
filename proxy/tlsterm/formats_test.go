package tlsterm

import (
	"bytes"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"mqttlb/proxy/proxytest"
)

// runOpenSSL runs openssl in a folder.
func runOpenSSL(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(proxytest.Program(t, "openssl"), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", args, err, out)
	}
}

// madeByOpenSSL returns a folder with a certificate in every form that operators are given.
func madeByOpenSSL(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, line := range []string{
		"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=broker.example -addext subjectAltName=DNS:broker.example",
		"ecparam -genkey -name prime256v1 -out params.key", // EC PARAMETERS, then EC PRIVATE KEY
		"req -x509 -key params.key -out params.pem -days 30 -subj /CN=broker.example -addext subjectAltName=DNS:broker.example",
		"req -new -key key.pem -out request.pem -subj /CN=broker.example",
		"req -new -key key.pem -outform DER -out request.der -subj /CN=broker.example",
		"x509 -in cert.pem -text -out text.pem", // a dump before the block
		"x509 -in cert.pem -text -noout -out dump.txt",
		"x509 -in cert.pem -trustout -addtrust serverAuth -setalias mine -out trusted.pem",
		"x509 -in cert.pem -outform DER -out cert.der",
		"pkey -in key.pem -outform DER -out key.der",
		"pkey -in key.pem -pubout -out public.pem",
		"pkey -in key.pem -aes128 -passout pass:secret -out encrypted.key",
		"ec -in key.pem -aes128 -passout pass:secret -out old-encrypted.key",
		"pkcs12 -export -in cert.pem -inkey key.pem -passout pass:secret -out bundle.p12",
		"pkcs12 -in bundle.p12 -passin pass:secret -nodes -out bags.pem", // Bag Attributes before each block
		"crl2pkcs7 -nocrl -certfile cert.pem -out chain.p7b",
		"crl2pkcs7 -nocrl -certfile cert.pem -outform DER -out chain-der.p7b",
		"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem -days 30 -subj /CN=other.example -addext subjectAltName=DNS:other.example",
		"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout client.key -out client.pem -days 30 -subj /CN=device-1 -addext extendedKeyUsage=clientAuth",
	} {
		runOpenSSL(t, dir, strings.Fields(line)...)
	}
	if ssh, err := exec.LookPath("ssh-keygen"); err == nil {
		if out, err := exec.Command(ssh, "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "ssh.key")).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return dir
}

func TestFilesAreReadAsEditorsAndOpenSSLWriteThem(t *testing.T) {
	dir := madeByOpenSSL(t)
	read := func(name string) string { return string(readAll(t, filepath.Join(dir, name))) }
	cert, key := read("cert.pem"), read("key.pem")
	dos := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, row := range map[string]struct{ cert, key string }{
		"as it is":                    {cert, key},
		"a byte order mark":           {"\ufeff" + cert, "\ufeff" + key},
		"ends of lines of DOS":        {dos(cert), dos(key)},
		"both, as Notepad":            {"\ufeff" + dos(cert), "\ufeff" + dos(key)},
		"ends of lines of old Macs":   {strings.ReplaceAll(cert, "\n", "\r"), strings.ReplaceAll(key, "\n", "\r")},
		"indented, as in YAML":        {"    " + strings.ReplaceAll(cert, "\n", "\n    "), "\t" + strings.ReplaceAll(key, "\n", "\n\t")},
		"spaces at the ends of lines": {strings.ReplaceAll(cert, "\n", "  \n"), strings.ReplaceAll(key, "\n", " \n")},
		"no end of the last line":     {strings.TrimSpace(cert), strings.TrimSpace(key)},
		"joined without one":          {strings.TrimSpace(cert) + strings.TrimSpace(key), ""},
		"empty lines":                 {"\n\n" + cert + "\n\n", "\n" + key},
		"the text of openssl x509":    {read("text.pem"), key},
		"Bag Attributes":              {read("bags.pem"), ""},
		"TRUSTED CERTIFICATE":         {read("trusted.pem"), key},
		"X509 CERTIFICATE":            {strings.ReplaceAll(cert, " CERTIFICATE-", " X509 CERTIFICATE-"), key},
		"EC PARAMETERS":               {read("params.pem"), read("params.key")},
		"a request beside it":         {read("request.pem") + cert, key},
		"the key after another's":     {cert, read("other.key") + key},
		"the public key before it":    {cert, read("public.pem") + key},
	} {
		f := CertificateFile{Cert: certFile(t, []byte(row.cert))}
		if row.key != "" {
			f.Key = keyFile(t, []byte(row.key))
		}
		if c, err := f.load(); err != nil || c.Leaf.DNSNames[0] != "broker.example" {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := loadAuthorities(KindCA, f.Cert); err != nil {
			t.Errorf("%s, as a CA: %v", name, err)
		}
	}
}

// Each error is the whole text about a file, without the file's name.
func TestFileThatCannotBeReadHasItsCause(t *testing.T) {
	dir := madeByOpenSSL(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) string { return proxytest.WriteFile(file(name), []byte(text)) }
	cert, key := string(readAll(t, file("cert.pem"))), string(readAll(t, file("key.pem")))
	lines := strings.Split(cert, "\n")
	wide := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(cert)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	for _, row := range []struct{ cert, key, want string }{
		{write("utf16.pem", string(wide)), "key.pem", "utf16.pem: the file is UTF-16, as some editors of Windows write it: save it as ANSI or UTF-8"},
		{write("utf16-no-mark.pem", string(wide[2:])), "key.pem", "utf16-no-mark.pem: the file is UTF-16"},
		{"cert.der", "key.pem", "cert.der: no certificate in PEM (-----BEGIN CERTIFICATE-----); it is a certificate in DER: openssl x509 -inform DER writes it in PEM"},
		{"cert.pem", "key.der", "key.der: no private key in PEM (-----BEGIN PRIVATE KEY-----); it is a private key in DER: openssl pkey -inform DER"},
		{"bundle.p12", "", "bundle.p12: no certificate in PEM (-----BEGIN CERTIFICATE-----); it is PKCS #12 (.p12, .pfx): openssl pkcs12 -nodes"},
		{"cert.pem", "bundle.p12", "bundle.p12: no private key in PEM (-----BEGIN PRIVATE KEY-----); it is PKCS #12"},
		{"chain.p7b", "key.pem", "chain.p7b: no certificate in PEM (-----BEGIN CERTIFICATE-----); it has PKCS #7: openssl pkcs7 -print_certs"},
		{"chain-der.p7b", "key.pem", "chain-der.p7b: no certificate in PEM (-----BEGIN CERTIFICATE-----); it is PKCS #7 (.p7b): openssl pkcs7 -inform DER"},
		{"request.pem", "key.pem", "request.pem: no certificate in PEM (-----BEGIN CERTIFICATE-----); it has a certificate request, of which a CA makes the certificate"},
		{"request.der", "key.pem", "request.der: no certificate in PEM (-----BEGIN CERTIFICATE-----); it is a certificate request, in DER"},
		{"dump.txt", "key.pem", "it is the text of a certificate without the certificate: openssl x509"},
		{"cert.pem", "public.pem", "public.pem: no private key in PEM (-----BEGIN PRIVATE KEY-----); it has the public key, and the private one is needed"},
		{"cert.pem", "encrypted.key", "encrypted.key:1: the key is encrypted"},
		{"cert.pem", "old-encrypted.key", "old-encrypted.key:1: the key is encrypted"},
		{"cert.pem", "other.key", "other.key: the key does not belong to a certificate in " + file("cert.pem") + ", the first of which is that of broker.example"},
		{"cert.pem", "", "cert.pem: no private key in PEM (-----BEGIN PRIVATE KEY-----); it has a certificate: the key may be in a file of its own"},
		{"key.pem", "cert.pem", "key.pem: no certificate in PEM (-----BEGIN CERTIFICATE-----); it has a private key: are the files of certificate and key swapped?"},
		{write("cut.pem", strings.Join(lines[:5], "\n")), "key.pem", "cut.pem:1: the CERTIFICATE that begins here is cut off: it has no line -----END CERTIFICATE-----"},
		{write("cut-chain.pem", cert+strings.Join(lines[:5], "\n")+"\n"+cert), "key.pem", "cut-chain.pem:" + lineNumber(cert) + ": the CERTIFICATE that begins here is cut off"},
		{write("damaged.pem", cert+strings.Replace(cert, lines[3], "?"+lines[3][1:], 1)), "key.pem", "damaged.pem:" + lineNumber(cert) + ": the CERTIFICATE that begins here is damaged"},
		{write("half.pem", strings.Join(append(lines[:3:3], "-----END CERTIFICATE-----"), "\n")), "key.pem", "half.pem:1: certificate 1: "},
		{write("bare.pem", strings.Join(lines[1:len(lines)-2], "\n")), "key.pem", "it has base64 without the lines that begin and end a block"},
		{write("dashes.pem", strings.ReplaceAll(cert, "-----", "----")), "key.pem", "it has a BEGIN that is not in a line of its own between five dashes on each side"},
		{write("one-line.pem", strings.ReplaceAll(cert, "\n", " ")), "key.pem", "it has a BEGIN that is not in a line of its own"},
		{"cert.pem", write("one-line.key", strings.ReplaceAll(key, "\n", " ")), "it has a BEGIN that is not in a line of its own"},
		{"cert.pem", write("escaped.key", strings.ReplaceAll(key, "\n", `\n`)), `its ends of lines are written as \n`},
		{write("escaped.pem", strings.ReplaceAll(cert, "\n", `\n`)), "key.pem", `its ends of lines are written as \n: it needs real ones`},
		{write("java.jks", "\xfe\xed\xfe\xed\x00\x00\x00\x02"), "key.pem", "it is a keystore of Java: keytool -importkeystore"},
		{"cert.pem", write("putty.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n"), "it is a key of PuTTY"},
		{write("other.txt", "hello\n"), "key.pem", "other.txt: no certificate in PEM (-----BEGIN CERTIFICATE-----)"},
		{"cert.pem", "ssh.key", "ssh.key:1: the private key has the format of OpenSSH: ssh-keygen -p -m PEM"},
	} {
		if row.key == "ssh.key" && missingFile(file(row.key)) {
			continue // ssh-keygen is not there
		}
		f := CertificateFile{Cert: file(filepath.Base(row.cert))}
		if row.key != "" {
			f.Key = file(filepath.Base(row.key))
		}
		_, err := f.load()
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s, %s: got %v, want %q", row.cert, row.key, err, row.want)
			continue
		}
		if line := strings.Split(key, "\n")[1]; strings.Contains(err.Error(), line[:20]) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
	for file, want := range map[string]string{
		file("cert.pem"):  "no CRL in PEM (-----BEGIN X509 CRL-----); it has CERTIFICATE",
		file("utf16.pem"): "the file is UTF-16",
		write("zeros.crl", strings.Repeat("\x00", 1000)): "the file has zeros alone",
		file("cut.pem"):   "cut.pem:1: the CERTIFICATE that begins here is cut off",
		file("other.txt"): "other.txt: no CRL in PEM",
	} {
		if _, err := loadCRLs(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s as a CRL: got %v, want %q", file, err, want)
		}
	}
	tickets := write("tickets", "\ufeff"+hexKey(1)+"\r\n"+hexKey(2)+"\r\n")
	if ring, err := loadTicketKeys(tickets); err != nil || len(ring) != 2 {
		t.Errorf("ticket keys of Notepad: %v", err)
	}
}

// lineNumber returns the number of the line behind a text.
func lineNumber(text string) string { return strconv.Itoa(strings.Count(text, "\n") + 1) }

func missingFile(file string) bool {
	_, err := os.Stat(file)
	return err != nil
}

func readAll(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func FuzzPEM(f *testing.F) {
	ca := proxytest.NewCA("ca")
	pair := ca.Issue("a.example")
	f.Add(append(bytes.Clone(pair.Cert), pair.Key...))
	f.Add([]byte("-----BEGIN X-----\n-----END X----------BEGIN X-----\nAAAA\n-----END X-----"))
	f.Add([]byte("\x30\x82\x01\x01\x02\x01\x03\x30"))
	f.Fuzz(func(t *testing.T, text []byte) {
		certs, err := parseCertificates(append([]byte("x"), text...))
		if (err == nil) == (len(certs) == 0) {
			t.Errorf("%d certificates, %v", len(certs), err)
		}
		if _, err := parseKeys(append([]byte("x"), text...)); err != nil && strings.Contains(err.Error(), "\x00") {
			t.Errorf("%q", err)
		}
		_ = insteadOf(wantKey, nil, append([]byte{0x30}, text...))
		if roundtrip, err := decodePEM(pair.Cert); err != nil || len(roundtrip) != 1 {
			t.Error(err)
		} else if _, err := x509.ParseCertificate(roundtrip[0].Bytes); err != nil {
			t.Error(err)
		}
	})
}
