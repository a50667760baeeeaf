/** What a sealed document says, and where: read by the plug-in of Swagger UI, and by whatever else reads documents. */

/** On an operation: which directions, or which fields, are sealed. On the document: where the handshake is. */
export const SEALING_EXTENSION = 'x-e2e-encryption';

/** Beside the schema of a sealed body: the media types that it may have inside its message, the usual one first. */
export const INNER_TYPES_EXTENSION = 'x-e2e-content-types';

/** An operation's `x-e2e-encryption`. */
export interface OperationSealing {
  readonly request: boolean;
  readonly response: boolean;
  /** The encrypted fields of the request, as in the client's option, of an operation that is not sealed. */
  readonly fields?: readonly string[];
}

/** The fields of an operation that has them. If its request is sealed, it has none, whatever the document says. */
export function fieldsOf({ request, fields }: OperationSealing): readonly string[] | undefined {
  return request ? undefined : fields;
}

/** The document's own `x-e2e-encryption`. */
export interface DocumentSealing {
  /** The client's `path` option: what `/handshake` is added to, under the server's URL. */
  readonly path: string;
}
