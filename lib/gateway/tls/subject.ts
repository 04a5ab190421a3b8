import * as asn1 from 'asn1js';

/** The attribute types that RFC 2253 gives a name. All others are written as their number. */
const NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
};

const ESCAPED = /[,=+<>#;"\\]/g;

/**
 * Whom a certificate (DER) is for, as ZooKeeper writes it into `x509` ids: the distinguished name by RFC 2253, the last part
 * first, `CN=worker,OU=fleet,O=Example,C=DE`. Throws a RangeError for what is no certificate.
 */
export function subjectOf(certificate: Uint8Array): string {
  const { offset, result } = asn1.fromBER(new Uint8Array(certificate));
  if (offset < 0) throw new RangeError(`no certificate: ${result.error}`);
  const fields = members(members(result)[0]);
  // A version, which a first edition does not have, stands in front and is the only member that is tagged by its context.
  const isTagged = fields[0]?.idBlock.tagClass === 3;
  const subject = fields[isTagged ? 5 : 4];
  return members(subject).map(relativeName).reverse().join(',');
}

function relativeName(set: asn1.AsnType): string {
  return members(set).map(attribute).join('+');
}

function attribute(sequence: asn1.AsnType): string {
  const [type, value] = members(sequence);
  if (!(type instanceof asn1.ObjectIdentifier) || value === undefined)
    throw new RangeError('no attribute of a name');
  const name = NAMES[type.getValue()];
  const text = textOf(value);
  if (name !== undefined && text !== undefined) return `${name}=${escape(text)}`;
  return `${name ?? type.getValue()}=#${Buffer.from(value.toBER()).toString('hex')}`;
}

/** What the kinds of string hold that such names are made of. */
function textOf(value: asn1.AsnType): string | undefined {
  if (
    value instanceof asn1.Utf8String ||
    value instanceof asn1.PrintableString ||
    value instanceof asn1.IA5String ||
    value instanceof asn1.TeletexString ||
    value instanceof asn1.BmpString ||
    value instanceof asn1.UniversalString
  ) {
    return value.getValue();
  }
  return undefined;
}

/** Blanks at the ends are part of the name. */
function escape(text: string): string {
  return text
    .replaceAll(ESCAPED, (character) => `\\${character}`)
    .replaceAll('\0', '\\00')
    .replace(/^ +/, (blanks) => '\\ '.repeat(blanks.length))
    .replace(/ +$/, (blanks) => '\\ '.repeat(blanks.length));
}

function members(value: asn1.AsnType | undefined): asn1.AsnType[] {
  if (value instanceof asn1.Sequence || value instanceof asn1.Set) return value.valueBlock.value;
  throw new RangeError('no certificate: its parts are not where they belong');
}
