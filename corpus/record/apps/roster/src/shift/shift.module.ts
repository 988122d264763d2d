import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PeopleModule } from '../people/people.module';
import { ShiftController } from './shift.controller';
import { Shift } from './shift.entity';
import { ShiftPlanner } from './shift.planner';

@Module({ imports: [TypeOrmModule.forFeature([Shift]), PeopleModule], controllers: [ShiftController], providers: [ShiftPlanner], exports: [ShiftPlanner] })
export class ShiftModule {}
