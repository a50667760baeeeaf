export { EncryptedField } from './encrypted-field.decorator.js';
export { EncryptedFields, type EncryptedFieldsOptions } from '../nest/routes/encrypted-fields.decorator.js';
