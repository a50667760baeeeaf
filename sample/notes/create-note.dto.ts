import { IsOptional, IsString, IsUUID, Length, MaxLength } from 'class-validator';

export class CreateNoteDto {
  @IsString()
  @Length(1, 80)
  readonly title!: string;

  @IsString()
  @MaxLength(10_000)
  readonly body!: string;

  /** A file that was uploaded before. */
  @IsOptional()
  @IsUUID()
  readonly fileId?: string;
}
