import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PeopleService } from './people.service';
import { Person } from './person.entity';

@Module({ imports: [TypeOrmModule.forFeature([Person])], providers: [PeopleService], exports: [PeopleService] })
export class PeopleModule {}
