/** The rows of the list that the project was given, `B` before each. They are not contiguous. */
export const listed: readonly string[] = `
  001 002 003 004 006 007 008 009 010 012 013 014 015 016 018 019 020 021 022 024 025 026 027 028 030 031 032 033 034 036 037
  038 039 040 042 043 044 045 046 048 049 050 051 052 054 055 056 057 058 060 061 062 063 064 066 067 068 069 070 072 073 074
  075 076 078 079 080 081 082 084 085 086 087 088 090 091 092 093 094 096 097 098 099 100 102 103 104 105 106 108 109 110 111
  112 114 115 116 117 118 120 121 122 123 124 126 127 128 129 130 132 133 134 135 136 138 139 140 141 142 144 145 146 147 148
  150 151 152 153 154 156 157 158 159 160 162 163
`
  .trim()
  .split(/\s+/)
  .map((number) => `B${number}`)

/** Rows that another test proves: in which file, and what it is called there. */
export const elsewhere: Readonly<Record<string, readonly [file: string, name: string]>> = {
  B061: ['test/contract/bad-input.test.ts', 'B061 headers and bodies that come a byte at a time'],
  B150: ['packages/daemon/src/bundle/support-bundle.test.ts', 'of others are listed, not included'],
  B151: ['packages/daemon/src/bundle/support-bundle.test.ts', 'calls an artifact by its id, whatever name it has: %j'],
  B152: ['packages/daemon/src/bundle/support-bundle.test.ts', 'are in no bundle, wherever they were'],
  B153: ['packages/daemon/src/bundle/support-bundle.test.ts', 'is the same again at another time, but for when it was made'],
}

/** Rows without a test of their own, each with the reason. */
export const absent: Readonly<Record<string, string>> = {
  B110: 'no test asserts a time; `npm run bench -- --only views` measures the page, which is cut at 1 MB',
}
