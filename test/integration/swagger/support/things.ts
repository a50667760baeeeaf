import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConsumes,
  ApiCreatedResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProperty,
  ApiPropertyOptional,
} from '@nestjs/swagger';
import { Encrypted, Plain } from '../../../../src/index.js';

export class CreateThingDto {
  @ApiProperty({ example: 'a thing' })
  name!: string;

  @ApiPropertyOptional({ minimum: 1 })
  count?: number;
}

export class ThingDto extends CreateThingDto {
  @ApiProperty()
  id!: number;
}

export class WrongDto {
  @ApiProperty()
  message!: string;
}

/** Every kind of direction, and what decorators of `@nestjs/swagger` can say beside. */
@Encrypted()
@Controller('things')
export class ThingController {
  @Post()
  @ApiCreatedResponse({ type: ThingDto })
  @ApiBadRequestResponse({ type: WrongDto, description: 'Something is wrong with the thing.' })
  create(@Body() thing: CreateThingDto): object {
    return { id: 1, ...thing };
  }

  @Get(':id')
  @ApiOperation({ operationId: 'readOne', summary: 'Reads a thing' })
  @ApiOkResponse({ type: ThingDto })
  @ApiNotFoundResponse({ description: 'There is none.' })
  read(@Param('id') id: string, @Query('name') name: string): object {
    return { id: Number(id), name };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiParam({ name: 'id' })
  remove(): void {
    // An empty answer.
  }

  @Post('import')
  @Encrypted({ request: false })
  @ApiCreatedResponse({ type: ThingDto })
  import(@Body() thing: CreateThingDto): object {
    return { id: 2, ...thing };
  }

  @Post('events')
  @Encrypted({ response: false })
  @ApiCreatedResponse({ type: ThingDto })
  record(@Body() thing: CreateThingDto): object {
    return { id: 3, ...thing };
  }

  @Post('either')
  @ApiConsumes('text/plain', 'application/json')
  @ApiCreatedResponse({
    content: {
      'text/csv': { schema: { type: 'string' } },
      'application/json': { schema: { type: 'object' } },
    },
  })
  either(@Body() thing: CreateThingDto): unknown {
    return thing;
  }

  @Post('plain')
  @Plain()
  @ApiCreatedResponse({ type: ThingDto })
  plain(@Body() thing: CreateThingDto): object {
    return { id: 4, ...thing };
  }
}

/** Sealed only by `encryptByDefault`. */
@Controller('others')
export class OtherController {
  @Post()
  @ApiCreatedResponse({ type: ThingDto })
  create(@Body() thing: CreateThingDto): object {
    return { id: 5, ...thing };
  }

  @Get()
  @Plain()
  list(): object {
    return [];
  }
}
