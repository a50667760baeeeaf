/** `E2E_DEVICE_BINDING=required`: a copied session cookie opens no channel. The page has to know, too. */
export const deviceBinding = process.env.E2E_DEVICE_BINDING === 'required' ? 'required' : 'off';
