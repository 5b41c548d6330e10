package amd64

import (
	"encoding/hex"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// forms are the instructions that the translator emits, with the bytes that the
// Intel manual gives them and what a disassembler must make of them.
var forms = []struct {
	emit func(a *Asm)
	hex  string
	text string
}{
	{func(a *Asm) { a.Mov(true, RAX, R8) }, "498bc0", "mov rax,r8"},
	{func(a *Asm) { a.Mov(false, RSI, RDI) }, "8bf7", "mov esi,edi"},
	{func(a *Asm) { a.Load(true, RCX, At(RBX, -128)) }, "488b4b80", "mov rcx,QWORD PTR [rbx-0x80]"},
	{func(a *Asm) { a.Load(true, RCX, At(R12, 0)) }, "498b0c24", "mov rcx,QWORD PTR [r12]"},
	{func(a *Asm) { a.Load(true, RCX, At(R13, 0)) }, "498b4d00", "mov rcx,QWORD PTR [r13+0x0]"},
	{func(a *Asm) { a.Load(false, R9, At(RBP, 0x1234)) }, "448b8d34120000", "mov r9d,DWORD PTR [rbp+0x1234]"},
	{func(a *Asm) { a.Load(true, RCX, Indexed(None, RCX, 8, 0x41000000)) }, "488b0ccd00000041", "mov rcx,QWORD PTR [rcx*8+0x41000000]"},
	{func(a *Asm) { a.Load(true, RCX, Abs(0x41000000)) }, "488b0c2500000041", "mov rcx,QWORD PTR ds:0x41000000"},
	{func(a *Asm) { a.Store(true, At(RBX, 0x78), R13) }, "4c896b78", "mov QWORD PTR [rbx+0x78],r13"},
	{func(a *Asm) { a.Store8(Indexed(RCX, RAX, 1, 0), RSI) }, "40883401", "mov BYTE PTR [rcx+rax*1],sil"},
	{func(a *Asm) { a.Store8(Indexed(RCX, RAX, 1, 0), RDX) }, "881401", "mov BYTE PTR [rcx+rax*1],dl"},
	{func(a *Asm) { a.Store16(Indexed(RCX, RAX, 1, 0), R8) }, "6644890401", "mov WORD PTR [rcx+rax*1],r8w"},
	{func(a *Asm) { a.StoreImm(true, At(RBX, 0), -2147479552) }, "48c70300100080", "mov QWORD PTR [rbx],0xffffffff80001000"},
	{func(a *Asm) { a.MovImm(RAX, 5) }, "b805000000", "mov eax,0x5"},
	{func(a *Asm) { a.MovImm(R9, 0xffffffff80000000) }, "49c7c100000080", "mov r9,0xffffffff80000000"},
	{func(a *Asm) { a.MovImm(RDX, 0xc00000ffffffe0ff) }, "48baffe0ffffff0000c0", "movabs rdx,0xc00000ffffffe0ff"},
	{func(a *Asm) { a.Zero(R10) }, "4533d2", "xor r10d,r10d"},
	{func(a *Asm) { a.Movsxd(RSI, RAX) }, "4863f0", "movsxd rsi,eax"},
	{func(a *Asm) { a.LoadSX32(R11, At(RBX, 8)) }, "4c635b08", "movsxd r11,DWORD PTR [rbx+0x8]"},
	{func(a *Asm) { a.LoadSX8(R12, Indexed(RCX, RAX, 1, 0)) }, "4c0fbe2401", "movsx r12,BYTE PTR [rcx+rax*1]"},
	{func(a *Asm) { a.LoadZX8(RDI, Indexed(RCX, RAX, 1, 0)) }, "0fb63c01", "movzx edi,BYTE PTR [rcx+rax*1]"},
	{func(a *Asm) { a.LoadZX16(RBP, Indexed(RCX, RAX, 1, 0)) }, "0fb72c01", "movzx ebp,WORD PTR [rcx+rax*1]"},
	{func(a *Asm) { a.MovSX16(RBP, RBP) }, "480fbfed", "movsx rbp,bp"},
	{func(a *Asm) { a.MovZX16(RAX, R8) }, "410fb7c0", "movzx eax,r8w"},
	{func(a *Asm) { a.MovZX8(RAX, RSI) }, "400fb6c6", "movzx eax,sil"},
	{func(a *Asm) { a.LoadBE(true, R8, Indexed(RCX, RAX, 1, 0)) }, "4c0f38f00401", "movbe r8,QWORD PTR [rcx+rax*1]"},
	{func(a *Asm) { a.StoreBE(false, Indexed(RCX, RAX, 1, 0), RSI) }, "0f38f13401", "movbe DWORD PTR [rcx+rax*1],esi"},
	{func(a *Asm) { a.StoreBE16(Indexed(RCX, RAX, 1, 0), R9) }, "66440f38f10c01", "movbe WORD PTR [rcx+rax*1],r9w"},
	{func(a *Asm) { a.Bswap(true, R13) }, "490fcd", "bswap r13"},
	{func(a *Asm) { a.Rol16(R8) }, "6641c1c008", "rol r8w,0x8"},
	{func(a *Asm) { a.Lea(false, RAX, Indexed(RSI, R8, 1, 0)) }, "428d0406", "lea eax,[rsi+r8*1]"},
	{func(a *Asm) { a.Lea(true, RSI, At(R13, -4)) }, "498d75fc", "lea rsi,[r13-0x4]"},
	{func(a *Asm) { a.Op(ADD, true, RSI, R8) }, "4903f0", "add rsi,r8"},
	{func(a *Asm) { a.OpMem(CMP, true, RAX, At(RBX, 16)) }, "483b4310", "cmp rax,QWORD PTR [rbx+0x10]"},
	{func(a *Asm) { a.OpToMem(XOR, true, At(RBX, 16), RDI) }, "48317b10", "xor QWORD PTR [rbx+0x10],rdi"},
	{func(a *Asm) { a.OpImm(SUB, false, R14, 7) }, "4183ee07", "sub r14d,0x7"},
	{func(a *Asm) { a.OpImm(AND, false, RAX, 0x12345) }, "2545230100", "and eax,0x12345"},
	{func(a *Asm) { a.OpImm(OR, true, RSI, 0x8000) }, "4881ce00800000", "or rsi,0x8000"},
	{func(a *Asm) { a.OpMemImm(CMP, true, At(RBX, 24), 0) }, "48837b1800", "cmp QWORD PTR [rbx+0x18],0x0"},
	{func(a *Asm) { a.OpMemImm8(AND, At(RBX, 24), 0) }, "80631800", "and BYTE PTR [rbx+0x18],0x0"},
	{func(a *Asm) { a.Not(true, R9) }, "49f7d1", "not r9"},
	{func(a *Asm) { a.Neg(false, RCX) }, "f7d9", "neg ecx"},
	{func(a *Asm) { a.Test(true, R9, R9) }, "4d85c9", "test r9,r9"},
	{func(a *Asm) { a.TestImm(RCX, 0x400006) }, "f7c106004000", "test ecx,0x400006"},
	{func(a *Asm) { a.TestMemImm(At(RBX, 0), 2) }, "f70302000000", "test DWORD PTR [rbx],0x2"},
	{func(a *Asm) { a.TestAL(3) }, "a803", "test al,0x3"},
	{func(a *Asm) { a.ShiftImm(SHL, true, RDI, 40) }, "48c1e728", "shl rdi,0x28"},
	{func(a *Asm) { a.ShiftImm(SAR, false, RAX, 4) }, "c1f804", "sar eax,0x4"},
	{func(a *Asm) { a.ShiftCL(SHR, true, RAX) }, "48d3e8", "shr rax,cl"},
	{func(a *Asm) { a.ShiftX(SHL, false, RAX, RSI, R9) }, "c4e231f7c6", "shlx eax,esi,r9d"},
	{func(a *Asm) { a.ShiftX(SAR, true, R8, R13, RCX) }, "c442f2f7c5", "sarx r8,r13,rcx"},
	{func(a *Asm) { a.ShiftX(SHR, true, RDI, RAX, R12) }, "c4e29bf7f8", "shrx rdi,rax,r12"},
	{func(a *Asm) { a.Rorx(false, RCX, R8, 12) }, "c4c37bf0c80c", "rorx ecx,r8d,0xc"},
	{func(a *Asm) { a.Imul(true, RAX, RCX) }, "480fafc1", "imul rax,rcx"},
	{func(a *Asm) { a.MulWide(false, true, R9) }, "49f7e1", "mul r9"},
	{func(a *Asm) { a.MulWide(true, true, RCX) }, "48f7e9", "imul rcx"},
	{func(a *Asm) { a.Div(true, false, RCX) }, "f7f9", "idiv ecx"},
	{func(a *Asm) { a.Div(false, true, RCX) }, "48f7f1", "div rcx"},
	{func(a *Asm) { a.Cdq(false) }, "99", "cdq"},
	{func(a *Asm) { a.Cdq(true) }, "4899", "cqo"},
	{func(a *Asm) { a.Set(L, RSI) }, "400f9cc6", "setl sil"},
	{func(a *Asm) { a.Set(B, R8) }, "410f92c0", "setb r8b"},
	{func(a *Asm) { a.SetMem(NE, Abs(0x41000028)) }, "0f95042528000041", "setne BYTE PTR ds:0x41000028"},
	{func(a *Asm) { a.Cmov(E, RSI, R8) }, "490f44f0", "cmove rsi,r8"},
	{func(a *Asm) { a.CmovMem(NE, RAX, At(RBX, 8)) }, "480f454308", "cmovne rax,QWORD PTR [rbx+0x8]"},
	{func(a *Asm) { a.JmpMem(Indexed(None, RCX, 4, 0x41000008)) }, "ff248d08000041", "jmp QWORD PTR [rcx*4+0x41000008]"},
	{func(a *Asm) { a.Ret() }, "c3", "ret"},
	{func(a *Asm) { a.Jcc(L, 6) }, "0f8c00000000", "jl 0x6"},
	{func(a *Asm) { a.Jmp(0) }, "e9fbffffff", "jmp 0x0"},
	{func(a *Asm) { a.LeaCode(RDX, 7) }, "488d1500000000", "lea rdx,[rip+0x0] # 0x7"},
}

func TestForms(t *testing.T) {
	for _, f := range forms {
		a := Asm{B: make([]byte, 32)}
		f.emit(&a)
		if got := hex.EncodeToString(a.B[:a.N]); got != f.hex {
			t.Errorf("%s: %s, want %s", f.text, got, f.hex)
		}
	}
}

// TestDisassembly has an independent disassembler read the bytes.
func TestDisassembly(t *testing.T) {
	if _, err := exec.LookPath("objdump"); err != nil {
		t.Skip("SKIP: objdump (Debian package binutils) is not installed: the encodings are compared with the table alone")
	}
	space := regexp.MustCompile(`\s+`)
	var all []byte
	var want []string
	for _, f := range forms {
		if strings.HasPrefix(f.text, "j") && !strings.Contains(f.text, "PTR") || strings.Contains(f.text, "rip") {
			continue // addresses
		}
		a := Asm{B: make([]byte, 32)}
		f.emit(&a)
		all = append(all, a.B[:a.N]...)
		want = append(want, f.text)
	}
	path := t.TempDir() + "/code"
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--no-show-raw-insn", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range strings.Split(string(out), "\n") {
		if at, text, ok := strings.Cut(l, ":\t"); ok && strings.TrimSpace(at) != "" {
			got = append(got, strings.TrimSpace(space.ReplaceAllString(text, " ")))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d instructions, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("instruction %d: %q, want %q", i, got[i], want[i])
		}
	}
}
