import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('shift')
export class Shift {
  @PrimaryGeneratedColumn() id: number;
  @Column({ type: 'timestamptz' }) startsAt: Date;
  @Column({ nullable: true }) personId: string;
}
