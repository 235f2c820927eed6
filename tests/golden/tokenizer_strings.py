"""Strings that tokenizers disagree on: scripts, emoji, controls, invalid UTF-8, runs, white space."""

import random
import sys
import unicodedata

# Article 1 of the Universal Declaration of Human Rights, and a few plain sentences.
SENTENCES = [
    "All human beings are born free and equal in dignity and rights.",
    "They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood.",
    "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren; Straße, Größe, Öl.",
    "Todos los seres humanos nacen libres e iguales en dignidad y derechos. ¿Qué? ¡Sí!",
    "Todos os seres humanos nascem livres e iguais em dignidade e em direitos.",
    "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti.",
    "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
    "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv.",
    "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. İstanbul ısı.",
    "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.",
    "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "Всі люди народжуються вільними і рівними у своїй гідності та правах.",
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
    "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "تمام افراد بشر آزاد به دنیا می‌آیند و از لحاظ حیثیت و حقوق با هم برابرند.",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে।",
    "மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.",
    "ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులును సమానులును నగుదురు.",
    "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "ທຸກໆຄົນເກີດມາມີສິດເສລີພາບ ແລະ ສະເໝີພາບກັນ.",
    "លូតលាស់ មនុស្សទាំងអស់កើតមកមានសេរីភាព",
    "လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် မွေးဖွားလာသူများ ဖြစ်သည်။",
    "ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით.",
    "Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ ու իրավունքներով:",
    "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "人人生而自由,在尊嚴和權利上一律平等。",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "カタカナとひらがなと漢字、ﾊﾝｶｸｶﾅ、ｶﾞ。",
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "ሰብአዊ ፍጡራን ሁሉ ነጻና እኩል ሆነው ተወለዱ።",
    "ᎠᏂᎦᏓ ᎠᏂᏴᏫ ᎤᏂᎾᎳᏍᏗ ᎨᏎ",
    "ᠬᠦᠮᠦᠨ ᠪᠦᠷ ᠲᠥᠷᠥᠵᠦ ᠮᠡᠨᠳᠡᠯᠡᠬᠦ᠎ᠠ",
    "འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་",
    "𐌰𐌻𐌻𐌰𐌹 𐌼𐌰𐌽𐌽𐌰𐌽𐍃 𝔞𝔩𝔩 𝒽𝓊𝓂𝒶𝓃 𝟙𝟚𝟛 𠜎𠜱𠝹",
    "I'm sure they'll say we've won; it's what you'd expect, isn't it? DON'T SHOUT, I'LL LISTEN.",
    "The price rose from $1,234.56 to €2.345,67 (about 90 %) on 2024-02-29 at 13:45:07.",
    "See https://example.org/a/b?c=d&e=f#g or write to someone@example.org, ref. #42.",
    "def f(x):\n    return [i ** 2 for i in range(x) if i % 2 == 0]  # squares\n",
    "for (int i = 0; i < n; ++i) {\n\tsum += a[i] * b[i];\r\n}\n",
    '{"key": [1, 2.5e-3, null, true], "other": "value\\n"}',
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n## Title\n\n- item\n  - sub item\n",
    "SELECT * FROM t WHERE a <> 'b' AND c >= 10;  -- comment",
    "E = mc², ∑ᵢ xᵢ ≤ ∞, α → β, ½ + ¼ = ¾, Ⅷ ⅻ ① ⑳ ㊿",
]

EMOJI = [
    "😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷🇩🇪🇯🇵", "1️⃣2️⃣#️⃣", "❤️", "☺", "👩🏿‍🚀", "🧑‍🤝‍🧑",
    "🫠", "🦾🦿", "⚡️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🤷🏻‍♂️", "©®™",
]

SPACES = [
    " ", " ", "  ", "\t", "\n", "\n\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\xa0", "\u1680",
    "\u180e", "\u2003", "\u2009", "\u200b", "\u200d", "\u2028", "\u2029", "\u202f", "\u3000", "\ufeff",
]

MARKS = [
    "e\u0301", "é", "A\u030a", "Å", "\u212b", "o\u0323\u0302", "o\u0302\u0323", "ô\u0323", "\u1e9b\u0323",
    "\u1100\u1161\u11a8", "각", "\u0915\u093c", "\u0958", "=\u0338", "ﬁ", "ﬀ", "ℌ", "①", "ｱﾞ", "\u0344",
    "i\u0307", "İ", "ı", "ſ", "\u0301", "\u093e", "a\u0300\u0301\u0302\u0303", "\u1e0b\u0323", "q\u0307\u0323",
    "\u2126", "\u212a", "ϓ", "ẛ", "ﷺ", "㌀", "\u00a0\u0308", "\ufb1d", "\U0001d160", "Ǆǅǆ", "ŉ", "ß", "ẞ",
]

CONTRACTIONS = [
    "it's", "IT'S", "'s", "'S", "'ſ", "don't", "DON'T", "we'Re", "they'LL", "I'd've", "'tis", "rock'n'roll",
    "o'clock", "'re''ve''ll", "l’été", "’s", "'\u017f t", "ain't's", "x'm", "'d9", "'lle",
]

RUNS = [b"a", b" ", b"\n", b"0", b"=", b"-", b"\t", b"ab", b"!?", b"\r\n", b"Aa", b" a", b"a ", b".", b"_",
        "é".encode(), "😀".encode(), "漢".encode(), "\u3000".encode(), b"\xff", b"\xe4\xbd", b"\x00", "ا".encode()]

INVALID = [
    b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xe0\x80\x80", b"\xe0\xa0", b"\xe4\xbd", b"\xed\xa0\x80",
    b"\xed\xbf\xbf", b"\xf0\x80\x80\x80", b"\xf0\x9f", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"\xef\xbb\xbf", b"\xef\xbf\xbd", b"\xef\xbf", b"\xc3\x28", b"\xe2\x28\xa1",
]


def _pieces(special):
    words = [w for s in SENTENCES for w in s.split(" ")]
    return words, {
        "word": lambda r: r.choice(words),
        "space": lambda r: "".join(r.choice(SPACES) for _ in range(r.randint(1, 4))),
        "emoji": lambda r: r.choice(EMOJI),
        "mark": lambda r: r.choice(MARKS),
        "digits": lambda r: "".join(r.choice("0123456789") for _ in range(r.randint(1, 9))),
        "other digits": lambda r: "".join(r.choice("٠١٢٣४५६໗໘９８²³½Ⅷ①") for _ in range(r.randint(1, 5))),
        "contraction": lambda r: r.choice(CONTRACTIONS),
        "punctuation": lambda r: "".join(r.choice("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»“”…—¿·「」") for _ in range(r.randint(1, 6))),
        "control": lambda r: chr(r.choice([*range(0, 32), *range(0x7F, 0xA0)])),
        "any": lambda r: _any_character(r),
        "special": lambda r: r.choice(special),
    }


def _any_character(r):
    while True:
        c = chr(r.choice([r.randrange(0x80, 0x3000), r.randrange(0x80, 0x20000)]))
        # Old enough for every library to know it: the `tokenizers` package itself mixes Unicode 8 to 16.
        if unicodedata.ucd_3_2_0.category(c) not in ("Cn", "Cs"):
            return c


def make_strings(special, count=2000, seed=7):
    """At least `count` byte strings; `special` is a list of contents of added tokens."""
    r = random.Random(seed)
    words, pieces = _pieces(special)
    out = [b"", b" ", b"\n", b"a", *[s.encode() for s in SENTENCES]]
    out += [e.encode() for e in EMOJI] + [m.encode() for m in MARKS] + [c.encode() for c in CONTRACTIONS]
    out += INVALID + [b"ab" + i + b"cd" for i in INVALID] + [i + j for i in INVALID[:8] for j in INVALID[8:14]]
    out += [bytes([b]) for b in range(256)] + [b"x" + bytes([b]) + b" y" for b in range(0, 33)]
    out += [run * n for run in RUNS for n in (2, 3, 7, 33, 64, 300)]
    out += [b"a" * 20000, b" " * 5000 + b"x", b"\n " * 700, "é漢😀".encode() * 400]
    out += [s.encode() for token in special for s in
            (token, token + token, "a" + token, token + "a", " " + token + " ", "a " + token + " b",
             token[:-1], token + "\n", "\t\u3000" + token + "\r\n x", token.upper(), "_" + token + "9")]
    kinds = list(pieces)
    while len(out) < count:
        choice = r.random()
        if choice < 0.08:
            out.append(bytes(r.randrange(256) for _ in range(r.randint(1, 40))))
        elif choice < 0.16:
            text = " ".join(r.choice(words) for _ in range(r.randint(2, 12))).encode()
            at = r.randrange(len(text))
            out.append(text[:at] + r.choice(INVALID) + text[at + r.randint(0, 2):])
        elif choice < 0.36:
            out.append("".join(r.choice(words) + r.choice(SPACES) for _ in range(r.randint(1, 10))).encode())
        else:
            some = r.sample(kinds, r.randint(1, 5))
            out.append("".join(pieces[r.choice(some)](r) for _ in range(r.randint(1, 14))).encode())
    return out


if __name__ == "__main__":
    sys.stdout.buffer.write(b"\n".join(make_strings(["<s>"])))
