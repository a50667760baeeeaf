import { randomBytes, scryptSync, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Injectable } from '@nestjs/common';

const derive = promisify<string, Buffer, number, Buffer>(scrypt);

/** The one demo user, `ada` with the password `lovelace`; a real application asks its database. */
@Injectable()
export class UserService {
  private readonly salt = randomBytes(16);
  private readonly users = new Map([['ada', scryptSync('lovelace', this.salt, 32)]]);
  private readonly nobody = randomBytes(32);

  async hasPassword(username: unknown, password: unknown): Promise<boolean> {
    if (typeof username !== 'string' || typeof password !== 'string') return false;
    // An unknown name takes as long as a wrong password, so that the time does not tell which names exist.
    const expected = this.users.get(username) ?? this.nobody;
    return timingSafeEqual(await derive(password, this.salt, 32), expected);
  }
}
